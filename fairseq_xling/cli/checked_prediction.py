"""Predictions of a checkpoint that was found to fit the data."""

import argparse
import zipfile
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import torch

from fairseq_xling.errors import UserError
from fairseq_xling.prediction import Predictions, load_task_model, predict_split
from fairseq_xling.tasks.sentence_pair import HEAD_NAME


def check_classes(path: str, label_names: Sequence[str]) -> None:
    """Refuse a checkpoint whose classifier has not one output a label of the data.

    fairseq loads it all the same, with a new classifier that knows nothing.

    Raises:
        UserError: it has another number.
    """
    # Memory-mapped, so that only the few numbers that are looked at are read.
    state = torch.load(
        path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
    )
    bias = state["model"].get(f"classification_heads.{HEAD_NAME}.out_proj.bias")
    if bias is None or len(bias) != len(label_names):
        found = "no classifier" if bias is None else f"{len(bias)} classes"
        raise UserError(
            f"{path}: has {found}, the data have {len(label_names)} labels "
            f"({', '.join(label_names)}); give a checkpoint that was trained on them"
        )


def predict(
    path: str, way: str, args: argparse.Namespace
) -> Tuple[Any, Dict[str, Predictions]]:
    """Load a checkpoint and predict the split.

    Returns:
        its task, and its predictions by language.

    Raises:
        UserError: it does not fit the data, lacks the stream that is to predict, or
            predicts no numbers.
    """
    task, model = load_task_model(path, args.data)
    check_classes(path, task.label_names)
    try:
        predictions = predict_split(task, model, args.split, args)
    except AssertionError as error:
        if "max_tokens" not in str(error):
            raise
        raise UserError(
            f"--max-tokens {args.max_tokens}: a row of {args.split} is longer; give "
            f"{task.max_positions()}, or --batch-size instead"
        ) from None
    for lang, one in predictions.items():
        if not (np.isfinite(one.target).all() and np.isfinite(one.source).all()):
            cause = "half precision overflows, leave out --fp16" if args.fp16 else ""
            raise UserError(
                f"{path}: probabilities that are not numbers in {lang}; "
                f"{cause or 'its training diverged, give an earlier checkpoint'}"
            )
        # No labels are -1 where other languages of the same batch have some.
        if one.labels is not None and (one.labels < 0).any():
            one.labels = None
    if way == "source" and not has_source(predictions):
        raise UserError(
            f"{path}: --predict source, but it reads no counterparts of {args.split}; "
            "binarize the data with their translations to the source language, or "
            "choose --predict target"
        )
    return task, predictions


def has_source(predictions: Dict[str, Predictions]) -> bool:
    """Whether any row has a source stream."""
    return any(one.has_source.any() for one in predictions.values())
