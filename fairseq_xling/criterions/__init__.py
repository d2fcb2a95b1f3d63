"""Registered training objectives."""

from fairseq_xling.criterions.confidence_penalty import ConfidencePenaltyCriterion
from fairseq_xling.criterions.xmixup import XMixupCriterion

__all__ = ["ConfidencePenaltyCriterion", "XMixupCriterion"]
