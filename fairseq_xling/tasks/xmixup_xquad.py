"""X-Mixup on XQuAD: questions of SQuAD in eleven languages."""

from dataclasses import dataclass

from fairseq.tasks import register_task

from fairseq_xling.families.questions.task import (
    QuestionAnsweringConfig,
    QuestionAnsweringTask,
)


@dataclass
class XMixupXQuADConfig(QuestionAnsweringConfig):
    """Options of ``--task xmixup_xquad``."""


@register_task("xmixup_xquad", dataclass=XMixupXQuADConfig)
class XMixupXQuADTask(QuestionAnsweringTask):
    """Answers in SQuAD passages and their translations (Artetxe et al. 2020)."""

    benchmark = "xquad"
    # It has no dev set and selects on MLQA's (X-Mixup appendix C.1).
    rules = {"valid": "mlqa"}
