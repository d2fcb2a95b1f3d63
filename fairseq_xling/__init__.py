"""Cross-lingual transfer for fairseq: X-Mixup and MultiMix.

Importing the package, or naming it as ``--user-dir``, registers its tasks, models
and criterions.
"""

from fairseq_xling.compat import (
    allow_fairseq_checkpoints,
    bound_primitive_cache,
    mend_precision_options,
    skip_interval_copies,
)
from fairseq_xling.errors import UserError, install_excepthook
from fairseq_xling.launching import guard_commands
from fairseq_xling.version import __version__

allow_fairseq_checkpoints()
skip_interval_copies()
bound_primitive_cache()
mend_precision_options()
install_excepthook()
guard_commands()

from fairseq_xling import criterions, models, tasks  # noqa: E402
from fairseq_xling.multimix.augment import augment  # noqa: E402
from fairseq_xling.predictor import Predictor, from_pretrained  # noqa: E402

__all__ = [
    "Predictor",
    "UserError",
    "__version__",
    "augment",
    "criterions",
    "from_pretrained",
    "models",
    "tasks",
]
