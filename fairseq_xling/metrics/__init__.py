"""Scores and their uncertainty, free of fairseq."""
