"""Difference-in-differences: effects against a comparison that did not change at the same time."""
