"""Registered training objectives."""

from fairseq_xling.criterions.xmixup import XMixupCriterion

__all__ = ["XMixupCriterion"]
