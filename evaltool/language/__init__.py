"""Danish and English texts."""
