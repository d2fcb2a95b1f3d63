"""One registered task a benchmark."""

from fairseq_xling.tasks.multimix import MultiMixXNERTask, MultiMixXNLITask
from fairseq_xling.tasks.multimix_augment import MultiMixAugmentTask
from fairseq_xling.tasks.xmixup import (
    XMixupMLQATask,
    XMixupPANXTask,
    XMixupPAWSXTask,
    XMixupTyDiQATask,
    XMixupUDPOSTask,
    XMixupXNLITask,
    XMixupXQuADTask,
)
from fairseq_xling.tasks.xmixup_tlm import XMixupTLMTask

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
