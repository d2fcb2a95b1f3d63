"""Checkpoints: finding, opening and trusting them."""
