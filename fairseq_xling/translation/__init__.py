"""Engines that translate sentences, and what they have translated."""
