"""The xling-* commands."""
