"""One registered task a benchmark."""

from fairseq_xling.tasks.multimix_augment import MultiMixAugmentTask
from fairseq_xling.tasks.multimix_xner import MultiMixXNERTask
from fairseq_xling.tasks.multimix_xnli import MultiMixXNLITask
from fairseq_xling.tasks.xmixup_mlqa import XMixupMLQATask
from fairseq_xling.tasks.xmixup_panx import XMixupPANXTask
from fairseq_xling.tasks.xmixup_pawsx import XMixupPAWSXTask
from fairseq_xling.tasks.xmixup_tlm import XMixupTLMTask
from fairseq_xling.tasks.xmixup_tydiqa import XMixupTyDiQATask
from fairseq_xling.tasks.xmixup_udpos import XMixupUDPOSTask
from fairseq_xling.tasks.xmixup_xnli import XMixupXNLITask
from fairseq_xling.tasks.xmixup_xquad import XMixupXQuADTask

__all__ = [
    "MultiMixAugmentTask",
    "MultiMixXNERTask",
    "MultiMixXNLITask",
    "XMixupMLQATask",
    "XMixupPANXTask",
    "XMixupPAWSXTask",
    "XMixupTLMTask",
    "XMixupTyDiQATask",
    "XMixupUDPOSTask",
    "XMixupXNLITask",
    "XMixupXQuADTask",
]
