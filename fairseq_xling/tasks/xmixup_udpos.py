"""X-Mixup on UD POS: parts of speech in the treebanks of Universal Dependencies."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.tagging.task import TaggingConfig, TaggingTask


@dataclass
class XMixupUDPOSConfig(TaggingConfig):
    """Options of ``--task xmixup_udpos``."""


@register_task("xmixup_udpos", dataclass=XMixupUDPOSConfig)
class XMixupUDPOSTask(TaggingTask):
    """Parts of speech (Nivre et al. 2018)."""

    benchmark = "udpos"
