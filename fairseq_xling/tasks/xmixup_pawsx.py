"""X-Mixup on PAWS-X: paraphrase identification in seven languages."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.pairs.task import SentencePairConfig, SentencePairTask


@dataclass
class XMixupPAWSXConfig(SentencePairConfig):
    """Options of ``--task xmixup_pawsx``."""


@register_task("xmixup_pawsx", dataclass=XMixupPAWSXConfig)
class XMixupPAWSXTask(SentencePairTask):
    """Paraphrase or not (Yang et al. 2019)."""

    benchmark = "pawsx"
