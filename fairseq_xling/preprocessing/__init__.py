"""Raw folders to binarized data."""
