"""Predictions of a trained model for every language of a split."""

import argparse
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
from fairseq import checkpoint_utils, utils
from tqdm import tqdm

from fairseq_xling.errors import UserError

WAYS = ("mean", "target", "source")


@dataclass
class Predictions:
    """A model's predictions for one language, in the order of its rows.

    Attributes:
        target: probabilities from the target stream, ``(rows, classes)``.
        source: probabilities from the source stream, same shape; those of the target
            where a row has no counterpart.
        has_source: rows with a counterpart, bool ``(rows,)``.
        labels: gold classes, ``(rows,)``, or None.
        ratio: mixup ratios ``(rows with counterpart, mixing layers)``, or None.
    """

    target: np.ndarray
    source: np.ndarray
    has_source: np.ndarray
    labels: Optional[np.ndarray]
    ratio: Optional[np.ndarray]

    def probabilities(self, way: str) -> np.ndarray:
        """Probabilities by ``"target"``, ``"source"``, or the ``"mean"`` of both.

        Source: X-Mixup section 4.3 (the mean).
        """
        if way == "mean":
            return (self.target + self.source) / 2
        return self.target if way == "target" else self.source

    def predicted(self, way: str) -> np.ndarray:
        """Predicted classes, ``(rows,)``."""
        return self.probabilities(way).argmax(axis=1)


def load_task_model(path: str, data: str) -> Tuple[Any, Any]:
    """Load a checkpoint with its task, set to other data.

    Raises:
        UserError: there is no such file, or it was not trained by a task of ours on
            these labels.
    """
    if not os.path.exists(path):
        raise UserError(f"{path}: not found; give a checkpoint of fairseq-train")
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [path], arg_overrides={"data": data}
    )
    if not hasattr(task, "predict_step"):
        raise UserError(
            f"{path}: was trained with task {type(task).__name__}; give a checkpoint "
            "that was fine-tuned for the data's task"
        )
    return task, models[0]


def predict_split(
    task: Any, model: Any, split: str, args: argparse.Namespace
) -> Dict[str, Predictions]:
    """Predict all rows of a split.

    Args:
        task: a task with ``predict_step``.
        model: its model.
        split: name of the split.
        args: ``batch_size``, ``max_tokens``, ``num_workers``, ``cpu`` and ``fp16``.

    Returns:
        predictions by language, in the task's order of languages.
    """
    use_cuda = torch.cuda.is_available() and not args.cpu
    if use_cuda:
        model = (model.half() if args.fp16 else model).cuda()
    model.eval()
    # Counterparts serve baselines, too: their source stream is translate-test.
    dataset = task.load_dataset(split, with_source=not task.cfg.no_mixup_inference)
    batches = task.get_batch_iterator(
        dataset,
        max_tokens=args.max_tokens,
        max_sentences=None if args.max_tokens else args.batch_size,
        max_positions=task.max_positions(),
        num_workers=args.num_workers,
    ).next_epoch_itr(shuffle=False)
    collected: Dict[int, List[dict]] = {}
    for sample in tqdm(batches, desc=split, unit=" batches", disable=None):
        sample = utils.move_to_cuda(sample) if use_cuda else sample
        output = as_arrays(task.predict_step(sample, model))
        for lang in np.unique(output["lang"]):
            here = output["lang"] == lang
            collected.setdefault(int(lang), []).append(
                {
                    key: None if value is None else value[here]
                    for key, value in output.items()
                }
            )
    return {task.languages[i]: put_together(collected[i]) for i in sorted(collected)}


def as_arrays(output: Dict[str, Any]) -> Dict[str, Optional[np.ndarray]]:
    """A batch's output as arrays with one entry a row."""
    target = output["target"].cpu().numpy()
    pairs = len(output["source"])
    source = target.copy()
    source[:pairs] = output["source"].cpu().numpy()
    ratio = None
    if output["ratio"] is not None:
        ratio = np.full((len(target), output["ratio"].size(1)), np.nan)
        ratio[:pairs] = output["ratio"].float().cpu().numpy()
    label = output["label"]
    return {
        "lang": output["lang"],
        "row": output["row"],
        "target": target,
        "source": source,
        "has_source": np.arange(len(target)) < pairs,
        "label": None if label is None else label.cpu().numpy(),
        "ratio": ratio,
    }


def put_together(parts: List[Dict[str, Any]]) -> Predictions:
    """Merge the parts of one language, in the order of its rows."""
    order = np.argsort(np.concatenate([part["row"] for part in parts]))

    def merged(key: str) -> np.ndarray:
        return np.concatenate([part[key] for part in parts])[order]

    has_source = merged("has_source")
    ratios = [part["ratio"] for part in parts if part["ratio"] is not None]
    ratio = np.concatenate(ratios) if ratios else None
    if ratio is not None:
        ratio = ratio[~np.isnan(ratio).any(axis=1)]
    unlabelled = any(part["label"] is None for part in parts)
    return Predictions(
        target=merged("target"),
        source=merged("source"),
        has_source=has_source,
        labels=None if unlabelled else merged("label"),
        ratio=ratio if ratio is not None and len(ratio) else None,
    )
