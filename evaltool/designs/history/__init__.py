"""Designs whose comparison is the past: a unit's own, or an earlier cohort's."""
