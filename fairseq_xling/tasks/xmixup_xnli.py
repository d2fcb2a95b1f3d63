"""X-Mixup on XNLI: natural language inference in 15 languages."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.pairs.task import SentencePairConfig, SentencePairTask


@dataclass
class XMixupXNLIConfig(SentencePairConfig):
    """Options of ``--task xmixup_xnli``."""


@register_task("xmixup_xnli", dataclass=XMixupXNLIConfig)
class XMixupXNLITask(SentencePairTask):
    """Entailment, neutral or contradiction (Conneau et al. 2018)."""

    benchmark = "xnli"
