"""Reads a plan as a careful lawyer would, before any data."""

from evaltool.planning.lint.finding import Finding
from evaltool.planning.lint.run import RULES, lint

__all__ = ["RULES", "Finding", "lint"]
