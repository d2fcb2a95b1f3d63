"""X-Mixup on TyDiQA: questions in nine languages."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.questions.task import (
    QuestionAnsweringConfig,
    QuestionAnsweringTask,
)


@dataclass
class XMixupTyDiQAConfig(QuestionAnsweringConfig):
    """Options of ``--task xmixup_tydiqa``."""


@register_task("xmixup_tydiqa", dataclass=XMixupTyDiQAConfig)
class XMixupTyDiQATask(QuestionAnsweringTask):
    """Answers to questions asked without seeing the passage (Clark et al. 2020)."""

    benchmark = "tydiqa"
