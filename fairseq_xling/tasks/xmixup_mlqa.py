"""X-Mixup on MLQA: questions in seven languages."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.questions.task import (
    QuestionAnsweringConfig,
    QuestionAnsweringTask,
)


@dataclass
class XMixupMLQAConfig(QuestionAnsweringConfig):
    """Options of ``--task xmixup_mlqa``."""


@register_task("xmixup_mlqa", dataclass=XMixupMLQAConfig)
class XMixupMLQATask(QuestionAnsweringTask):
    """Answers in Wikipedia passages (Lewis et al. 2020), scored by its own rules."""

    benchmark = "mlqa"
    rules = {"valid": "mlqa", "test": "mlqa"}
