"""Training that begins or goes on from a checkpoint: only where the two fit."""

import zipfile
from typing import Any, Callable, Dict

from fairseq.file_io import PathManager
from fairseq.trainer import Trainer

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.compat import wrap_once
from fairseq_xling.errors import UserError, find_user_error

CANNOT = "this training cannot go on from it"
MEND = (
    "to begin with its weights, give it with --finetune-from-model, or add "
    "--reset-optimizer --reset-dataloader --reset-meters --reset-lr-scheduler"
)


def guard_restoring() -> None:
    """Let fairseq's trainer refuse, in one line, what it cannot go on from.

    It compares neither tasks nor labels, and says by assertions and errors of torch's
    that criterion, optimizer or parameters are others.
    """
    wrap_once(Trainer, "load_checkpoint", load_checkpoint)


def load_checkpoint(
    load: Callable[..., Any],
    trainer: Any,
    filename: Any,
    reset_optimizer: bool = False,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """In place of the trainer's own."""
    if PathManager.isfile(filename):
        if not reset_optimizer:
            check_task(trainer.task, str(filename))
        elif has_other_labels(trainer.task, str(filename)):
            # What fairseq sends to other processes does not tell the order of labels.
            trainer.cfg.checkpoint.load_checkpoint_on_all_dp_ranks = True
    try:
        return load(trainer, filename, reset_optimizer, *args, **kwargs)
    except (AssertionError, ValueError) as error:
        if find_user_error(error) or reset_optimizer:
            raise
        reason = str(error).splitlines()[0]
        raise UserError(f"{filename}: {CANNOT} ({reason}); {MEND}") from None


def has_other_labels(task: Any, path: str) -> bool:
    """Whether a checkpoint was trained on other labels, or in another order."""
    ours = task.state_dict().get("labels")
    # Of before torch 1.6, it is none of this package.
    if not ours or not zipfile.is_zipfile(path):
        return False
    theirs = (look_into(path).get("task_state") or {}).get("labels")
    return bool(theirs) and theirs != ours


def check_task(task: Any, path: str) -> None:
    """Refuse to go on from a checkpoint of another task, dictionary or other labels."""
    ours: Dict[str, Any] = task.state_dict()
    if "dictionary_sha256" not in ours:
        return
    known = look_into(path).get("task_state") or {}
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
