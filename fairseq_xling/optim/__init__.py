"""Optimizers."""

from fairseq_xling.optim.adamw_fused import FusedAdamW

__all__ = ["FusedAdamW"]
