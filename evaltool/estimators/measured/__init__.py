"""Measured without a counterfactual."""
