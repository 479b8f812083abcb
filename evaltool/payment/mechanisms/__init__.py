"""One payment mechanism per file."""
