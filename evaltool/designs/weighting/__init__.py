"""Designs that weight units so that both groups are alike; nobody is paired."""
