"""Loading a checkpoint that was found to fit the data."""

import zipfile
from typing import Any, Tuple

import torch

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.errors import UserError


def check_head(path: str, task: Any) -> None:
    """Refuse a checkpoint whose head has not the outputs that the data need.

    fairseq loads it all the same, with a new head that knows nothing.

    Raises:
        UserError: it has another number.
    """
    # Memory-mapped, so that only the few numbers that are looked at are read.
    state = torch.load(
        path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
    )
    bias = state["model"].get(task.family.head_bias)
    if bias is None or len(bias) != task.family.outputs:
        found = "no head for this task" if bias is None else f"{len(bias)} classes"
        needed = "need one"
        if task.label_names:
            names = ", ".join(task.label_names)
            needed = f"have {len(task.label_names)} labels ({names})"
        raise UserError(
            f"{path}: has {found}, the data {needed}; give a checkpoint that was "
            "trained on them"
        )


def load_checked(path: str, data: str, **options: Any) -> Tuple[Any, Any]:
    """Load a checkpoint's task, set to other data and options, and its model.

    Raises:
        UserError: it does not fit the data.
    """
    task, model = load_task_model(path, data, **options)
    check_head(path, task)
    return task, model
