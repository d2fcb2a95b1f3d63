"""MultiMix's task models for cross-lingual named entity recognition."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.tagging.task import TaggingConfig, TaggingTask
from fairseq_xling.tasks.multimix_task import MultiMixConfig, MultiMixTask


@dataclass
class MultiMixXNERConfig(MultiMixConfig, TaggingConfig):
    """Options of ``--task multimix_xner``."""


@register_task("multimix_xner", dataclass=MultiMixXNERConfig)
class MultiMixXNERTask(MultiMixTask, TaggingTask):
    """Named entities, one tag on the first piece of each word."""

    cfg: MultiMixXNERConfig
    benchmark = "panx"
