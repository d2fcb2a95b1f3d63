"""Predictions of a split in all its languages."""

from typing import Any, Dict

from fairseq_xling.data.batch_options import BatchOptions
from fairseq_xling.errors import UserError
from fairseq_xling.families.base import Predictions
from fairseq_xling.families.prediction import predict_batches


def predict_split(
    task: Any, model: Any, split: str, batches: BatchOptions
) -> Dict[str, Predictions]:
    """Predict all rows of a split.

    Args:
        task: a task with ``predict_step``.
        model: its model.
        split: name of the split.
        batches: how they are made.

    Returns:
        predictions by language, in the task's order of languages.

    Raises:
        UserError: there is no such split, or it cannot be predicted.
    """
    if task.family.reads_windows and split == task.cfg.train_subset:
        raise UserError(
            f"--split {split}: the model was trained on it; only other splits are "
            f"predicted for {task.benchmark}"
        )
    # Counterparts of pairs serve baselines, too: their source stream is translate-test.
    with_source = None
    if "source" in task.family.ways:
        with_source = not task.cfg.no_mixup_inference
    dataset = task.load_dataset(split, with_source=with_source, with_unlabelled=True)
    return task.family.collect(predict_batches(task, model, dataset, batches, split))


def has_source(predictions: Dict[str, Predictions]) -> bool:
    """Whether any row has a source stream."""
    return any(one.has_source.any() for one in predictions.values())
