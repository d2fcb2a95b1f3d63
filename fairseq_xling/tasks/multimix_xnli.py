"""MultiMix's task models for XNLI."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.pairs.task import SentencePairConfig, SentencePairTask
from fairseq_xling.tasks.multimix_task import MultiMixConfig, MultiMixTask


@dataclass
class MultiMixXNLIConfig(MultiMixConfig, SentencePairConfig):
    """Options of ``--task multimix_xnli``."""


@register_task("multimix_xnli", dataclass=MultiMixXNLIConfig)
class MultiMixXNLITask(MultiMixTask, SentencePairTask):
    """Entailment, neutral or contradiction, without labels in the target language."""

    cfg: MultiMixXNLIConfig
    benchmark = "xnli"
