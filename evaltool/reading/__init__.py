"""Files and tables become records."""
