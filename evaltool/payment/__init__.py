"""Mechanisms and the decision, in Decimal."""
