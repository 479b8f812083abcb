"""One validity check per file."""
