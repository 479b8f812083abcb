"""Difference-in-differences."""
