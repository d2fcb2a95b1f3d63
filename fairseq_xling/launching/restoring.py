"""Training that goes on from a checkpoint: only where it is of the same task."""

import functools
import zipfile
from typing import Any, Dict

import torch
from fairseq.file_io import PathManager
from fairseq.trainer import Trainer

from fairseq_xling.compat import safe_loading
from fairseq_xling.errors import UserError, find_user_error


def guard_restoring() -> None:
    """Let fairseq's trainer refuse, in one line, what it cannot go on from.

    It compares neither tasks nor labels, and says by assertions and errors of torch's
    that criterion, optimizer or parameters are others.
    """
    load = Trainer.load_checkpoint
    if getattr(load, "compares_tasks", False):
        return

    @functools.wraps(load)
    def load_checkpoint(self, filename, reset_optimizer=False, *args, **kwargs):
        if not reset_optimizer and PathManager.isfile(filename):
            check_task(self.task, str(filename))
        try:
            return load(self, filename, reset_optimizer, *args, **kwargs)
        except (AssertionError, ValueError) as error:
            if find_user_error(error) or reset_optimizer:
                raise
            reason = str(error).splitlines()[0]
            raise UserError(f"{filename}: {CANNOT} ({reason}); {MEND}") from None

    load_checkpoint.compares_tasks = True  # type: ignore[attr-defined]
    Trainer.load_checkpoint = load_checkpoint


CANNOT = "this training cannot go on from it"
MEND = (
    "to begin with its weights, give it with --finetune-from-model, or add "
    "--reset-optimizer --reset-dataloader --reset-meters --reset-lr-scheduler"
)


def check_task(task: Any, path: str) -> None:
    """Refuse to go on from a checkpoint of another task, dictionary or other labels.

    Args:
        task: that is trained; only those of this package are checked.
        path: of the checkpoint.

    Raises:
        UserError: it is one.
    """
    ours: Dict[str, Any] = task.state_dict()
    if "dictionary_sha256" not in ours:
        return
    # Memory-mapped, so that no weights are read.
    with safe_loading(path):
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    known = (state.get("task_state") if isinstance(state, dict) else None) or {}
    if known.get("benchmark", ours.get("benchmark")) != ours.get("benchmark"):
        raise UserError(f"{path}: {CANNOT} (trained on {known['benchmark']}); {MEND}")
    try:
        task.load_state_dict(known)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    # The head's rows can be brought to another order; what the optimizer knows cannot.
    here = ours.get("labels", [])
    theirs = known.get("labels", here)
    if theirs != here:
        raise UserError(
            f"{path}: {CANNOT} (trained on the labels {', '.join(theirs)}, here "
            f"{', '.join(here)}); {MEND}"
        )
