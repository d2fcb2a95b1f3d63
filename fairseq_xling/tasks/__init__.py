"""One registered task a benchmark."""

from fairseq_xling.tasks.xmixup_pawsx import XMixupPAWSXTask
from fairseq_xling.tasks.xmixup_xnli import XMixupXNLITask

__all__ = ["XMixupPAWSXTask", "XMixupXNLITask"]
