"""One report section per file."""
