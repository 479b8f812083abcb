"""Figures as plain functions of records."""
