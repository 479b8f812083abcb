"""The plan: everything agreed before outcomes are known. One module per group of tables."""
