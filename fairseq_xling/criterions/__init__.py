"""Registered training objectives."""

from fairseq_xling.criterions.confidence_penalty import ConfidencePenaltyCriterion
from fairseq_xling.criterions.xmixup import XMixupCriterion
from fairseq_xling.criterions.xmixup_tlm import XMixupTLMCriterion

__all__ = ["ConfidencePenaltyCriterion", "XMixupCriterion", "XMixupTLMCriterion"]
