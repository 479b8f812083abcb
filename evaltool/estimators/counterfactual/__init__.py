"""Effects against a constructed counterfactual series."""
