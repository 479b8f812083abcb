"""Blocks, sections and their renderings; computes nothing."""
