"""Figures of measured results."""
