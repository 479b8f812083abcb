"""Designs by adoption: cohorts that start at different times."""
