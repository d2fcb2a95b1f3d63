"""Questions: an answer in a passage."""
