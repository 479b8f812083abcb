"""Effects and their uncertainty."""
