"""Estimates taken from a published evaluation."""
