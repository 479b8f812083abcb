"""One file per command; no arithmetic."""
