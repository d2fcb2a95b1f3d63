"""Predictions of a checkpoint that was found to fit the data."""

import argparse
import zipfile
from typing import Any, Dict, Tuple

import torch

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.predict_split import predict_split


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


def predict(
    path: str, way: str, args: argparse.Namespace
) -> Tuple[Any, Dict[str, Any]]:
    """Load a checkpoint and predict the split.

    Returns:
        its task, and its predictions by language.

    Raises:
        UserError: it does not fit the data, lacks the stream that is to predict, or
            predicts no numbers.
    """
    options = {}
    if getattr(args, "target_langs", None) is not None:
        options["target_langs"] = args.target_langs
    if getattr(args, "no_mixup_inference", False):
        options["no_mixup_inference"] = True
    task, model = load_checked(path, args.data, **options)
    if way == "source" and way not in task.family.ways:
        raise UserError(
            f"--predict source: {task.benchmark} is predicted from the target alone; "
            "choose --predict target"
        )
    predictions = predict_split(task, model, args.split, args)
    for lang, one in predictions.items():
        if not one.is_finite:
            cause = "half precision overflows, leave out --fp16" if args.fp16 else ""
            raise UserError(
                f"{path}: probabilities that are not numbers in {lang}; "
                f"{cause or 'its training diverged, give an earlier checkpoint'}"
            )
    if way == "source" and not has_source(predictions):
        raise UserError(
            f"{path}: --predict source, but it reads no counterparts of {args.split}; "
            "binarize the data with their translations to the source language, or "
            "choose --predict target"
        )
    return task, predictions


def has_source(predictions: Dict[str, Any]) -> bool:
    """Whether any row has a source stream."""
    return any(one.has_source.any() for one in predictions.values())
