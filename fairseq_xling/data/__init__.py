"""Datasets over the binarized layout, and what writes it."""
