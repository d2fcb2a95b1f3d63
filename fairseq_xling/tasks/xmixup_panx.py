"""X-Mixup on PAN-X: named entities in Wikipedia."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.tagging.task import TaggingConfig, TaggingTask


@dataclass
class XMixupPANXConfig(TaggingConfig):
    """Options of ``--task xmixup_panx``."""


@register_task("xmixup_panx", dataclass=XMixupPANXConfig)
class XMixupPANXTask(TaggingTask):
    """Named entities: places, organisations, persons (Pan et al. 2017)."""

    benchmark = "panx"
