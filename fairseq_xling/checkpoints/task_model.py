"""Opening a checkpoint with its task, set to other data."""

from typing import Any, Dict, Tuple

from fairseq import checkpoint_utils
from fairseq.tasks import TASK_REGISTRY
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from fairseq_xling.checkpoints.opening import open_checkpoint
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_options import stored_task
from fairseq_xling.checkpoints.typed_options import foreign_task, is_ours
from fairseq_xling.errors import UserError


def load_task_model(
    path: str, data: str, any_head: bool = False, **options: Any
) -> Tuple[Any, Any]:
    """Load a checkpoint with its task, set to other data.

    Args:
        any_head: take it whatever its head was trained to predict.
        options: other options of the task that are to differ from the checkpoint's.

    Returns:
        the task, and the model.

    Raises:
        UserError: there is no such file, or it was not trained by a task of ours on
            these labels.
    """
    path = find_checkpoint_file(path)
    state = open_checkpoint(path, data=data, **options)
    stored = stored_task(state)
    if not is_ours(stored) or not hasattr(TASK_REGISTRY[stored], "predict_step"):
        raise foreign_task(path, stored)
    # Loading puts new heads in the place of those that do not fit.
    weights = dict(state.get("model") or {})
    try:
        models, _, task = checkpoint_utils.load_model_ensemble_and_task(
            [path], state=state
        )
    except UserError as error:
        raise UserError(error if path in str(error) else f"{path}: {error}") from None
    except (OmegaConfBaseException, AssertionError, LookupError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"{path}: cannot be loaded by this version ({reason}); give another "
            "checkpoint, or save it anew without what is named"
        ) from None
    if not any_head:
        check_head(path, task, weights)
    return task, models[0]


def check_head(path: str, task: Any, weights: Dict[str, Tensor]) -> None:
    """Refuse a checkpoint whose head has not the outputs that the data need.

    fairseq loads it all the same, with a new head that knows nothing.
    """
    bias = weights.get(task.family.head_bias)
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
