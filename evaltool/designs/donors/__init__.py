"""Designs that settle who may stand in for one treated unit."""
