"""Sentence pairs: one label for two sentences."""
