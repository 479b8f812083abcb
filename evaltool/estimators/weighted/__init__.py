"""Effects from matched or weighted comparisons."""
