"""xling-penalty-charts: how models judge labelled samples, with and without penalty.

    xling-penalty-charts data-bin/panx --path with.pt without.pt \
        --names "with penalty" "without penalty" --lang es --results-path charts

draws the figures of MultiMix's appendix B: losses of accurate and of noisy samples,
loss against length, lengths of what a distillation selects, and the classes by t-SNE.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from fairseq_xling.analysis.penalty_charts import (
    MOST_POINTS,
    MOST_WRONG,
    Judged,
    class_map,
    length_histogram,
    loss_by_length,
    loss_histogram,
)
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli.distill import predict_rows, words_of
from fairseq_xling.cli.options import add_batch_options, check_least, entry_point
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.checked_prediction import load_checked
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.multimix.distillation import score, select_confident
from fairseq_xling.multimix.selected_data import gold_labels

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-penalty-charts``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--path", required=True, nargs="+", help="checkpoints")
    parser.add_argument("--names", nargs="+", help="of the checkpoints, in the charts")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--lang", required=True)
    parser.add_argument("--distill-factor", type=float, default=80.0)
    parser.add_argument("--seed", type=int, default=1, help="of t-SNE")
    parser.add_argument("--results-path", required=True, help="folder to write")
    add_batch_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Draw the charts.

    Raises:
        UserError: the data have no labels, or an option is wrong.
    """
    check_least(args)
    args.path = [find_checkpoint_file(path) for path in args.path]
    names = args.names or [Path(path).resolve().parent.name for path in args.path]
    if len(names) != len(args.path):
        raise UserError(f"--names: give {len(args.path)}, one a checkpoint")
    select_confident(np.zeros(0), args.distill_factor)
    models: List[Judged] = []
    for path, name in zip(args.path, names):
        task, model = load_checked(path, args.data, target_langs=None)
        if args.lang not in task.manifest.splits.get(args.split, {}):
            raise UserError(f"{args.data}: no split {args.split} in {args.lang}")
        gold = gold_labels(Path(args.data), args.split, args.lang)
        if gold is None:
            raise UserError(
                f"{args.data}: {args.split}.{args.lang} has no labels to judge by"
            )
        models.append(judge(task, model, name, gold, args))
    tagged = task.family == "tagging"
    most_wrong, unit = (MOST_WRONG, "words") if tagged else (0, "tokens")
    folder = Path(args.results_path)
    loss_histogram(models, most_wrong, folder / "losses.png")
    loss_by_length(models, most_wrong, unit, folder / "loss-by-length.png")
    length_histogram(models, unit, folder / "selected-lengths.png")
    class_map(models, task.label_names, args.seed, folder / "classes.png")
    with atomic_file(folder / "charts.json") as file:
        json.dump([numbers(one, most_wrong) for one in models], file, indent=2)
    logger.info(f"wrote {folder}")


def judge(
    task: Any, model: Any, name: str, gold: np.ndarray, args: argparse.Namespace
) -> Judged:
    """A model's predictions for all samples of a part of the data."""
    part = [(args.split, args.lang)]
    dataset = task.open_dataset(part, set(), is_train=False)
    (streams,) = dataset.streams
    words = words_of(streams)
    offsets = np.concatenate([[0], np.cumsum(words)])
    found = np.zeros((len(words), 2))
    wrong = np.zeros(len(words), int)
    logits = np.zeros((len(gold), len(task.label_names)), np.float32)
    for row, probabilities in predict_rows(task, model, dataset, args):
        here = slice(offsets[row], offsets[row + 1])
        found[row] = score(probabilities)
        wrong[row] = (probabilities.argmax(axis=1) != gold[here]).sum()
        logits[here] = np.log(np.maximum(probabilities, 1e-12))
    length = words if task.family == "tagging" else np.asarray(streams.input.sizes)
    points = np.random.default_rng(args.seed).permutation(len(gold))[:MOST_POINTS]
    selected = select_confident(found[:, 0], args.distill_factor)
    return Judged(
        name, found[:, 1], wrong, length, selected, logits[points], gold[points]
    )


def numbers(one: Judged, most_wrong: int) -> Dict[str, Any]:
    """What the charts show, in numbers; means are None of no sample."""
    good = one.wrong <= most_wrong

    def mean(values: np.ndarray) -> Any:
        return round(float(values.mean()), 4) if len(values) else None

    return {
        "name": one.name,
        "samples": len(good),
        "accurate": int(good.sum()),
        "loss_of_accurate": mean(one.loss[good]),
        "loss_of_noisy": mean(one.loss[~good]),
        "selected": int(one.selected.sum()),
        "accurate_of_selected": int((good & one.selected).sum()),
        "length": mean(one.length),
        "length_of_selected": mean(one.length[one.selected]),
    }


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
