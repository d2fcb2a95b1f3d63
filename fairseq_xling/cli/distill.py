"""xling-distill: a model's labels for a pool, and which of them to trust.

    xling-distill augmented --path checkpoint_best.pt --split train --lang es \
        --distill-type confidence --distill-factor 80 --results-path distilled/1

One pass over the pool writes the model's label of every word or pair, its confidence
and its loss; the selection is made of these, and can be made again with other options
without another pass. The pool's own labels, where it has some, are only reported on.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli.options import add_batch_options, check_least, entry_point
from fairseq_xling.data.manifest import stream_prefix
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.checked_prediction import load_checked
from fairseq_xling.families.pairs.predictions import as_arrays
from fairseq_xling.families.prediction import predict_batches
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
    open_predictions,
    read_settings,
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


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-distill``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="the pool: a folder of binarized data")
    parser.add_argument("--path", required=True, help="checkpoint of a task model")
    parser.add_argument("--split", default="train")
    parser.add_argument("--lang", required=True, help="the pool's language")
    parser.add_argument("--results-path", required=True, help="folder to write")
    parser.add_argument("--distill-type", choices=DISTILL_TYPES, default="confidence")
    parser.add_argument(
        "--distill-factor",
        type=float,
        default=80.0,
        help="eta: how many are selected by confidence, in percent (default: 80)",
    )
    parser.add_argument(
        "--features",
        default="loss",
        help="what is clustered, a comma list: loss, then length (in tokens) and, of "
        "virtual samples, log_prob (default: loss)",
    )
    parser.add_argument(
        "--posterior-threshold",
        type=float,
        default=0.5,
        help="what the posterior of the component of smaller mean loss must exceed "
        "(default: 0.5)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the clustering")
    add_batch_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Predict the pool, unless that was done, and select.

    Raises:
        UserError: the pool, the checkpoint or an option is wrong, or the folder holds
            predictions of other ones.
    """
    check_least(args)
    check_selection(args)
    args.path = find_checkpoint_file(args.path)
    folder = Path(args.results_path)
    task, model = load_checked(args.path, args.data, target_langs=None)
    if task.family == "qa":
        raise UserError(
            f"{args.data}: holds {task.benchmark} data; sentence pairs and tagged "
            "sentences are distilled"
        )
    manifest = task.manifest
    if args.lang not in manifest.splits.get(args.split, {}):
        held = [f"{s}.{lang}" for s, langs in manifest.splits.items() for lang in langs]
        raise UserError(
            f"{args.data}: no split {args.split} in {args.lang}; it has "
            f"{', '.join(held)}"
        )
    settings = pool_settings(args)
    dataset = task.open_split(args.split, args.lang)
    (streams,) = dataset.streams
    if not (folder / SETTINGS).exists():
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; give another --results-path")
        predicted = predict_rows(task, model, dataset, args)
        write_predictions(folder, settings, words_of(streams), predicted)
    elif read_settings(folder) != settings:
        raise UserError(
            f"{folder}: holds predictions of another pool or checkpoint; give another "
            "--results-path"
        )
    predictions = open_predictions(folder)
    selected = select(predictions, numbers_of(args, streams), args)
    with atomic_file(folder / SELECTED, "wb") as file:
        selected.tofile(file)
    gold = gold_labels(Path(args.data), args.split, args.lang)
    report = describe(predictions, selected, gold)
    with atomic_file(folder / SELECTION) as file:
        json.dump({**selection_settings(args), **report}, file, indent=2)
    logger.info(say(f"{args.data} {args.split}.{args.lang}", report))


def check_selection(args: argparse.Namespace) -> None:
    """Refuse wrong options of the selection, before the pass.

    Raises:
        UserError: one is out of range, or not a feature.
    """
    if args.distill_type == "confidence":
        check_percentage(args.distill_factor)
        return
    check_threshold(args.posterior_threshold)
    names = args.features.split(",")
    if names[0] != "loss" or len(set(names)) < len(names) or set(names) - set(FEATURES):
        raise UserError(
            f"--features {args.features}: give loss first, then any of "
            f"{', '.join(FEATURES[1:])}"
        )


def pool_settings(args: argparse.Namespace) -> Dict[str, Any]:
    """What the predictions depend on."""
    prefix = stream_prefix(args.data, args.split, args.lang, "input")
    return {
        "data": sha256_of(f"{prefix}.bin"),
        "stream": f"{args.split}.{args.lang}",
        "checkpoint": sha256_of(args.path),
        "precision": precision_of(args),
    }


def selection_settings(args: argparse.Namespace) -> Dict[str, Any]:
    """What the selection depends on beside the predictions."""
    if args.distill_type == "confidence":
        return {"distill_type": "confidence", "distill_factor": args.distill_factor}
    return {
        "distill_type": "clustering",
        "features": args.features.split(","),
        "posterior_threshold": args.posterior_threshold,
        "seed": args.seed,
    }


def words_of(streams: Streams) -> np.ndarray:
    """Number of labels of each row."""
    if streams.word_starts is None:
        return np.ones(len(streams), np.int64)
    return np.asarray(streams.word_starts.sizes)


def predict_rows(
    task: Any, model: Any, dataset: Any, args: argparse.Namespace
) -> Iterator[Tuple[int, np.ndarray]]:
    """Row and probabilities ``(words, classes)`` of every sample of a pool."""
    title = f"{args.split}.{args.lang}"
    for output in predict_batches(task, model, dataset, args, title):
        if task.family == "classification":
            arrays = as_arrays(output)
            probabilities = (arrays["target"] + arrays["source"]) / 2  # type: ignore
            yield from zip(arrays["row"], probabilities[:, None])  # type: ignore
        else:
            yield from ((tagged.row, tagged.probabilities) for tagged in output)


def numbers_of(args: argparse.Namespace, streams: Streams) -> Dict[str, np.ndarray]:
    """What is clustered of a pool's samples beside the loss, ``(samples,)`` each."""
    if args.distill_type == "confidence":
        return {}
    numbers = {"length": np.asarray(streams.input.sizes, np.float64)}
    path = Path(args.data) / variants_name(f"{args.split}.{args.lang}")
    if path.exists():
        values = [about["log_prob"] for about in read_variants(path, "log_prob")]
        if len(values) != len(streams):
            raise UserError(f"{path}: {len(values)} lines for {len(streams)} samples")
        numbers["log_prob"] = np.array(values, np.float64)
    return numbers


def select(
    predictions: PoolPredictions,
    numbers: Dict[str, np.ndarray],
    args: argparse.Namespace,
) -> np.ndarray:
    """Select samples as the options say, bool ``(samples,)``.

    Raises:
        UserError: the pool lacks a feature.
    """
    if args.distill_type == "confidence":
        return select_confident(predictions.confidence, args.distill_factor)
    known = {"loss": predictions.loss, **numbers}
    names = args.features.split(",")
    if not set(names) <= set(known):
        raise UserError(
            f"--features {args.features}: {args.data} has no log_prob, only virtual "
            "samples have; leave it out"
        )
    features = np.stack([known[name] for name in names], axis=1)
    return select_clustered(features, args.posterior_threshold, args.seed)


def describe(
    predictions: PoolPredictions, selected: np.ndarray, gold: Optional[np.ndarray]
) -> Dict[str, Any]:
    """Numbers of samples, and accuracies of their labels in percent."""
    labels, offsets = predictions.labels, predictions.offsets
    report: Dict[str, Any] = {
        "samples": len(selected),
        "selected": int(selected.sum()),
    }
    if gold is not None:
        everything = np.ones(len(selected), bool)
        report["accuracy"] = accuracy_of(labels, gold, offsets, everything)
        report["accuracy_selected"] = accuracy_of(labels, gold, offsets, selected)
    return report


def say(name: str, report: Dict[str, Any]) -> str:
    """A line about a selection."""
    line = f"{name}: {report['selected']} of {report['samples']} samples selected"
    if report.get("accuracy_selected") is not None:
        line += (
            f"; labels right {report['accuracy']:.2f} % before, "
            f"{report['accuracy_selected']:.2f} % after"
        )
    return line


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
