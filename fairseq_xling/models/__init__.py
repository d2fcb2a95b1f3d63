"""Model families: XLM-R with two streams and cross-lingual manifold mixup."""

from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

__all__ = ["XMixupXLMRModel"]
