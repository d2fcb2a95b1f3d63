"""MultiMix: virtual sentences around real ones, written by a masked language model."""
