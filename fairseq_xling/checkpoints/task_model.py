"""Opening a checkpoint with its task, set to other data."""

from typing import Any, Tuple

from fairseq import checkpoint_utils
from fairseq.tasks import TASK_REGISTRY
from omegaconf.errors import OmegaConfBaseException

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_task import foreign_task, is_ours, stored_task
from fairseq_xling.errors import UserError


def load_task_model(path: str, data: str, **options: Any) -> Tuple[Any, Any]:
    """Load a checkpoint with its task, set to other data.

    Args:
        path: the checkpoint.
        data: folder of binarized data.
        options: other options of the task that are to differ from the checkpoint's.

    Raises:
        UserError: there is no such file, or it was not trained by a task of ours on
            these labels.
    """
    path = find_checkpoint_file(path)
    state = checkpoint_utils.load_checkpoint_to_cpu(path, {"data": data, **options})
    stored = stored_task(state)
    if not is_ours(stored) or not hasattr(TASK_REGISTRY[stored], "predict_step"):
        raise foreign_task(path, stored)
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
    return task, models[0]
