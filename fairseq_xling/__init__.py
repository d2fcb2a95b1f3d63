"""Cross-lingual transfer for fairseq: X-Mixup and MultiMix.

Importing the package, or naming it as ``--user-dir``, registers its tasks, models
and criterions.
"""

# ruff: noqa: E402
import logging
import os
import sys

NAME = "fairseq_xling"
if __name__ != NAME:  # --user-dir is a link of another name
    _folder = os.path.dirname(os.path.realpath(__file__))
    if os.path.basename(_folder) != NAME:
        sys.exit(f"error: --user-dir {_folder}: must be called {NAME}, or a link to it")
    sys.path.insert(0, os.path.dirname(_folder))

# fairseq remarks at its import that it misses a package for speech.
logging.getLogger("fairseq.tasks.text_to_speech").setLevel(logging.WARNING)

from fairseq_xling.checkpoints.opening import guard_loading
from fairseq_xling.checkpoints.saving import guard_saving
from fairseq_xling.compat import (
    bound_primitive_cache,
    give_numpy_compat,
    hush,
    let_ddp_run_on_cpus,
    read_optional_types,
)
from fairseq_xling.errors import UserError, install_excepthook
from fairseq_xling.launching.commands import guard_commands
from fairseq_xling.launching.options import guard_options
from fairseq_xling.launching.restoring import guard_restoring
from fairseq_xling.launching.trained_rows import guard_row_states
from fairseq_xling.version import __version__

bound_primitive_cache()
give_numpy_compat()
read_optional_types()
hush()
let_ddp_run_on_cpus()
install_excepthook()
guard_loading()
guard_saving()
guard_options()
guard_commands()
guard_restoring()
guard_row_states()

from fairseq_xling import criterions, models, optim, tasks
from fairseq_xling.multimix.augment import augment
from fairseq_xling.predictor import Predictor, from_pretrained

if __name__ != NAME:  # fairseq imports tasks and models by the link's name, too
    for _name in [name for name in sys.modules if name.startswith(f"{NAME}.")]:
        sys.modules[__name__ + _name[len(NAME) :]] = sys.modules[_name]

__all__ = [
    "Predictor",
    "UserError",
    "__version__",
    "augment",
    "criterions",
    "from_pretrained",
    "models",
    "optim",
    "tasks",
]
