"""Designs that match comparison units to the treated."""
