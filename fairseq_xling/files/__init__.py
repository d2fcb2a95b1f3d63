"""Reading and writing files that are whole, and what they say."""
