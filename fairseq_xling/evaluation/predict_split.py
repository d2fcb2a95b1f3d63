"""Predictions of a split in all its languages."""

import argparse
from typing import Any, Dict

from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import merge_classes, merge_rows, predict_batches


def predict_split(
    task: Any, model: Any, split: str, args: argparse.Namespace
) -> Dict[str, Any]:
    """Predict all rows of a split.

    Args:
        task: a task with ``predict_step``.
        model: its model.
        split: name of the split.
        args: as :func:`predict_batches`.

    Returns:
        the family's predictions by language, in the task's order of languages.

    Raises:
        UserError: there is no such split, or it cannot be predicted.
    """
    if task.family != "classification" and split == task.cfg.train_subset:
        raise UserError(
            f"--split {split}: the model was trained on it; only other splits are "
            f"predicted for {task.benchmark}"
        )
    # Counterparts of pairs serve baselines, too: their source stream is translate-test.
    with_source = None
    if task.family == "classification":
        with_source = not task.cfg.no_mixup_inference
    dataset = task.load_dataset(split, with_source=with_source, with_unlabelled=True)
    outputs = predict_batches(task, model, dataset, args, split)
    if task.family == "classification":
        found = merge_classes(outputs)
    else:
        found = merge_rows(task, split, outputs)
        for lang, streams in zip(dataset.lang_ids, dataset.streams):
            found[lang].has_source = streams.paired()
    return {task.languages[lang]: found[lang] for lang in sorted(found)}
