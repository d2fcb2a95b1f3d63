"""The seven benchmarks, a registered task each."""

from fairseq.tasks import register_task

from fairseq_xling.families.pairs.task import PairsConfig, PairsFamily
from fairseq_xling.families.questions.task import QuestionsConfig, QuestionsFamily
from fairseq_xling.families.tagging.task import TaggingConfig, TaggingFamily
from fairseq_xling.tasks.xmixup_task import XMixupTask


@register_task("xmixup_xnli", dataclass=PairsConfig)
class XMixupXNLITask(XMixupTask):
    """Entailment, neutral or contradiction (Conneau et al. 2018)."""

    benchmark, family_class = "xnli", PairsFamily


@register_task("xmixup_pawsx", dataclass=PairsConfig)
class XMixupPAWSXTask(XMixupTask):
    """Paraphrase or not (Yang et al. 2019)."""

    benchmark, family_class = "pawsx", PairsFamily


@register_task("xmixup_udpos", dataclass=TaggingConfig)
class XMixupUDPOSTask(XMixupTask):
    """Parts of speech (Nivre et al. 2018)."""

    benchmark, family_class = "udpos", TaggingFamily


@register_task("xmixup_panx", dataclass=TaggingConfig)
class XMixupPANXTask(XMixupTask):
    """Named entities: places, organisations, persons (Pan et al. 2017)."""

    benchmark, family_class = "panx", TaggingFamily


@register_task("xmixup_xquad", dataclass=QuestionsConfig)
class XMixupXQuADTask(XMixupTask):
    """Answers in SQuAD passages and their translations (Artetxe et al. 2020)."""

    benchmark, family_class = "xquad", QuestionsFamily
    # It has no dev set and selects on MLQA's (X-Mixup appendix C.1).
    settings = {"rules": {"valid": "mlqa"}}


@register_task("xmixup_mlqa", dataclass=QuestionsConfig)
class XMixupMLQATask(XMixupTask):
    """Answers in Wikipedia passages (Lewis et al. 2020), scored by its own rules."""

    benchmark, family_class = "mlqa", QuestionsFamily
    settings = {"rules": {"valid": "mlqa", "test": "mlqa"}}


@register_task("xmixup_tydiqa", dataclass=QuestionsConfig)
class XMixupTyDiQATask(XMixupTask):
    """Answers to questions asked without seeing the passage (Clark et al. 2020)."""

    benchmark, family_class = "tydiqa", QuestionsFamily
