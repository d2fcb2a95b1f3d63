"""A model's labels for a pool on disk, and which of them to trust."""

import json
import logging
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.manifest import stream_prefix
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.families.sharding import is_first
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.distillation import (
    check_percentage,
    check_threshold,
    select_clustered,
    select_confident,
)
from fairseq_xling.multimix.pool_predictions import (
    SETTINGS,
    PoolPredictions,
    labels_per_row,
    open_predictions,
    predict_rows,
    read_part,
    write_predictions,
)
from fairseq_xling.multimix.selected_data import accuracy_of, gold_labels
from fairseq_xling.multimix.store import read_variants, variants_name
from fairseq_xling.precision import precision_of

logger = logging.getLogger(__name__)

DISTILL_TYPES = ("confidence", "clustering")
FEATURES = ("loss", "length", "log_prob")
SELECTED = "selected.bin"
SELECTION = "selection.json"


@dataclass(frozen=True)
class Selecting:
    """How samples are selected.

    Attributes:
        distill_type: ``"confidence"`` or ``"clustering"``.
        distill_factor: eta, how many are selected by confidence, in percent.
        features: what is clustered, a comma list: ``loss``, then any of the others.
        posterior_threshold: what the posterior of the component of smaller mean loss
            must exceed.
        seed: of the clustering.

    Raises:
        UserError: one is out of range, or not a feature.
    """

    distill_type: str = "confidence"
    distill_factor: float = 80.0
    features: str = "loss"
    posterior_threshold: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.is_clustering:
            check_percentage(self.distill_factor)
            return
        check_threshold(self.posterior_threshold)
        names = self.names
        unknown = set(names) - set(FEATURES)
        if names[0] != "loss" or len(set(names)) < len(names) or unknown:
            raise UserError(
                f"--features {self.features}: give loss first, then any of "
                f"{', '.join(FEATURES[1:])}"
            )

    @property
    def is_clustering(self) -> bool:
        """Whether samples are clustered, not taken by confidence."""
        return self.distill_type == "clustering"

    @property
    def names(self) -> List[str]:
        """The features, in their order."""
        return self.features.split(",")

    def settings(self) -> Dict[str, Any]:
        """What a selection depends on beside the predictions."""
        if not self.is_clustering:
            names = ["distill_type", "distill_factor"]
        else:
            names = ["distill_type", "features", "posterior_threshold", "seed"]
        found = {**asdict(self), "features": self.names}
        return {name: found[name] for name in names}


def distil_pool(
    path: str,
    data: str,
    split: str,
    lang: str,
    folder: Path,
    selecting: Selecting,
    batches: BatchOptions,
) -> None:
    """Predict a pool, unless that was done, select, and write and log it.

    The checkpoint at ``path``, or in that folder, predicts the pool: a part of a folder
    of binarized data. Labels, scores and selection go to ``folder``.

    Raises:
        UserError: the checkpoint does not fit, the pool is no such data or lacks a
            feature, or the folder holds predictions of another one.
    """
    checkpoint = find_checkpoint_file(path)
    task, model = load_task_model(checkpoint, data, target_langs=None)
    if not task.label_names:
        raise UserError(
            f"{data}: holds {task.benchmark} data; sentence pairs and tagged "
            "sentences are distilled"
        )
    manifest, name = task.manifest, f"{split}.{lang}"
    if lang not in manifest.splits.get(split, {}):
        held = [f"{s}.{x}" for s, langs in manifest.splits.items() for x in langs]
        raise UserError(f"{data}: no split {split} in {lang}; it has {', '.join(held)}")
    settings = {
        "data": sha256_of(f"{stream_prefix(data, split, lang, 'input')}.bin"),
        "stream": name,
        "checkpoint": sha256_of(checkpoint),
        "precision": precision_of(batches),
    }
    dataset = task.open_split(split, lang)
    (streams,) = dataset.streams
    if not (folder / SETTINGS).exists():
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; give another --results-path")
        predicted = predict_rows(task, model, dataset, batches, name)
        if not is_first():  # it only predicts for the first
            deque(predicted, 0)
            return
        write_predictions(folder, settings, labels_per_row(streams), predicted)
    elif not is_first():
        return
    elif read_part(folder, SETTINGS) != settings:
        raise UserError(
            f"{folder}: holds predictions of another pool or checkpoint; give another "
            "--results-path"
        )
    predictions = open_predictions(folder)
    selected = select(predictions, streams, data, name, selecting)
    with atomic_file(folder / SELECTED, "wb") as file:
        selected.tofile(file)
    counts: Dict[str, Any] = {"samples": len(selected), "selected": int(selected.sum())}
    gold = gold_labels(Path(data), split, lang)
    if gold is not None:
        labels, offsets = predictions.labels, predictions.offsets
        everything = np.ones(len(selected), bool)
        counts["accuracy"] = accuracy_of(labels, gold, offsets, everything)
        counts["accuracy_selected"] = accuracy_of(labels, gold, offsets, selected)
    with atomic_file(folder / SELECTION) as file:
        json.dump({**selecting.settings(), **counts}, file, indent=2)
    line = f"{counts['selected']} of {counts['samples']} samples selected"
    if counts.get("accuracy_selected") is not None:
        line += (
            f"; labels right {counts['accuracy']:.2f} % before, "
            f"{counts['accuracy_selected']:.2f} % after"
        )
    logger.info(f"{data} {name}: {line}")


def select(
    predictions: PoolPredictions,
    streams: Streams,
    data: str,
    name: str,
    selecting: Selecting,
) -> np.ndarray:
    """Select samples of a pool, bool ``(samples,)``; ``name`` is ``train.en``, say.

    Raises:
        UserError: the pool lacks a feature.
    """
    if not selecting.is_clustering:
        return select_confident(predictions.confidence, selecting.distill_factor)
    lengths = np.asarray(streams.input.sizes, np.float64)
    known = {"loss": predictions.loss, "length": lengths}
    path = Path(data) / variants_name(name)
    if path.exists():
        values = [about["log_prob"] for about in read_variants(path, "log_prob")]
        if len(values) != len(streams):
            raise UserError(f"{path}: {len(values)} lines for {len(streams)} samples")
        known["log_prob"] = np.array(values, np.float64)
    if not set(selecting.names) <= set(known):
        raise UserError(
            f"--features {selecting.features}: {data} has no log_prob, only virtual "
            "samples have; leave it out"
        )
    features = np.stack([known[name] for name in selecting.names], axis=1)
    return select_clustered(features, selecting.posterior_threshold, selecting.seed)
