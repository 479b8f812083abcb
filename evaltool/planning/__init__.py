"""What can be said before data: lint, minimum detectable effect."""
