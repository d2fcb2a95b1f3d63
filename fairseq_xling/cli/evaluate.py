"""xling-evaluate: every language of a split, one model or several side by side."""

import argparse
import logging
from pathlib import Path, PurePath
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli.benchmark_tables import benchmark_tables
from fairseq_xling.cli.options import add_batch_options, check_least, entry_point
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.checked_prediction import has_source, predict
from fairseq_xling.evaluation.results import (
    compare,
    intervals,
    score,
    write_results,
)
from fairseq_xling.families.base import WAYS
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.tables import report

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-evaluate``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data",
        nargs="+",
        help="folder of binarized data; several, of different tasks, with a checkpoint "
        "each, give X-Mixup's Table 3",
    )
    parser.add_argument(
        "--path", required=True, nargs="+", help="checkpoint to evaluate, one for each"
    )
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="PATH", help="further checkpoints"
    )
    parser.add_argument(
        "--names", nargs="+", help="names of the checkpoints in the tables"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument(
        "--target-langs",
        help="comma list of languages beside the source (default: the checkpoint's)",
    )
    parser.add_argument(
        "--predict",
        nargs="+",
        default=["mean"],
        choices=WAYS,
        help="stream that gives a model's prediction: the mean of both, the target or "
        "the source; one for all models, or one for each",
    )
    parser.add_argument(
        "--no-mixup-inference",
        action="store_true",
        help="leave the counterparts out, whatever the models were trained with",
    )
    parser.add_argument(
        "--results-path", help="folder to write (default: beside the checkpoint)"
    )
    add_batch_options(parser)
    parser.add_argument("--bootstrap-samples", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    return parser


def check_options(args: argparse.Namespace) -> None:
    """Refuse numbers out of range and missing checkpoints before any work is done.

    Folders of checkpoints become the checkpoints in them.

    Raises:
        UserError: there is one.
    """
    args.path = find_checkpoint_file(args.path)
    args.compare = [find_checkpoint_file(path) for path in args.compare]
    check_least(args, bootstrap_samples=1, seed=0)


def choose_names(paths: Sequence[str], names: Optional[Sequence[str]]) -> List[str]:
    """Names of the models: as given, or the checkpoints' folders.

    Raises:
        UserError: the names do not fit the checkpoints, repeat, or would lead out of
            the results folder, as each names a folder of predictions.
    """
    if names is None:
        names = [Path(path).resolve().parent.name for path in paths]
        if len(set(names)) < len(names):
            names = [f"{name}/{Path(path).stem}" for name, path in zip(names, paths)]
    if len(names) != len(paths) or len(set(names)) < len(names):
        raise UserError(
            f"--names {' '.join(names)}: give {len(paths)} different names, one for "
            "each checkpoint"
        )
    for name in names:
        parts = PurePath(name).parts
        if not parts or ".." in parts or PurePath(name).is_absolute():
            raise UserError(f"--names '{name}': give a name that can name a folder")
    return list(names)


def choose_ways(ways: Sequence[str], count: int) -> List[str]:
    """The predicting stream of each model.

    Raises:
        UserError: their number is neither one nor that of the models.
    """
    if len(ways) not in (1, count):
        raise UserError(
            f"--predict {' '.join(ways)}: give one for all {count} checkpoints, or one "
            "for each"
        )
    return list(ways) * (count if len(ways) == 1 else 1)


def main(args: argparse.Namespace) -> Dict[str, Any]:
    """Evaluate one task, or several one after the other.

    Returns:
        what ``results.json`` holds; for several tasks, that by task.

    Raises:
        UserError: a checkpoint, the data or an option is wrong.
    """
    if len(args.data) != len(args.path):
        raise UserError(
            f"--path: {len(args.path)} checkpoints for {len(args.data)} data folders; "
            "give each its own (further ones of the same data go to --compare)"
        )
    each = [
        argparse.Namespace(**{**vars(args), "data": data, "path": path})
        for data, path in zip(args.data, args.path)
    ]
    return evaluate(each[0]) if len(each) == 1 else evaluate_tasks(each, args)


def evaluate_tasks(
    each: Sequence[argparse.Namespace], args: argparse.Namespace
) -> Dict[str, Any]:
    """Evaluate several tasks, and write the tables over them.

    Args:
        each: the command line of each task, as :func:`evaluate` takes it.
        args: the whole command line.

    Raises:
        UserError: as :func:`evaluate`, before any work is done where it can be told.
    """
    if args.compare or not args.results_path:
        raise UserError(
            "several data folders: give --results-path, and compare models of one task "
            "at a time"
        )
    names = args.names or ["model"]
    if len(names) > 1:
        raise UserError(
            f"--names {' '.join(names)}: give one, that of the table's row, as there "
            "are several data folders"
        )
    tasks: Dict[str, argparse.Namespace] = {}
    for one in each:
        task = Manifest.load(one.data).task
        if task in tasks:
            raise UserError(
                f"{one.data}: {task} is among the data already; give each task once"
            )
        one.results_path = str(Path(args.results_path) / task)
        one.names = names
        check_options(one)
        tasks[task] = one
    by_task = {task: evaluate(one) for task, one in tasks.items()}
    for markdown, name in ((False, "tables.txt"), (True, "tables.md")):
        with atomic_file(Path(args.results_path) / name) as file:
            file.write(benchmark_tables(list(by_task.values()), markdown))
    print(benchmark_tables(list(by_task.values())))
    return by_task


def evaluate(args: argparse.Namespace) -> Dict[str, Any]:
    """Evaluate one task, write the results, and return what ``results.json`` holds.

    Args:
        args: the command line, with one ``data`` and one ``path``.

    Raises:
        UserError: a checkpoint, the data or an option is wrong.
    """
    check_options(args)
    paths = [args.path, *args.compare]
    names = choose_names(paths, args.names)
    ways = choose_ways(args.predict, len(paths))
    results: Dict[str, Any] = {"split": args.split, "models": {}}
    predictions: Dict[str, Dict[str, Any]] = {}
    for name, path, way in zip(names, paths, ways):
        task, found = predict(path, way, args)
        predictions[name] = found
        scores = score(found, task.source_lang, way, task.family.ways)
        scores["intervals"] = intervals(found, scores["scores"], args)
        model = {"path": str(path), **scores}
        results["models"][name] = model
        if not has_source(found):
            logger.info(f"{name}: predicts from the target alone")
        languages = list(found)
        if languages != results.setdefault("languages", languages):
            raise UserError(
                f"{path}: its languages are {','.join(languages)}, those of {paths[0]} "
                f"{','.join(results['languages'])}; compare models of the same ones"
            )
        results.update(
            task=task.benchmark,
            family=task.family.stored,
            metric=task.family.metric,
            source_lang=task.source_lang,
            labels=task.label_names,
        )
    is_labelled = say_what_is_unlabelled(args.split, found)
    if len(names) > 1 and is_labelled:
        results["baseline"] = names[0]
        results["differences"] = compare(predictions, ways, args)
    folder = Path(args.results_path or Path(args.path).parent / f"results-{args.split}")
    write_results(folder, results, predictions)
    print(report(results))
    print(f"written to {folder}")
    return results


def say_what_is_unlabelled(split: str, predictions: Dict[str, Any]) -> bool:
    """Log which languages have no labels; say whether any has."""
    lacking = [lang for lang, one in predictions.items() if not one.scores("target")]
    if len(lacking) == len(predictions):
        logger.warning(f"{split} has no labels: only predictions are written")
    elif lacking:
        logger.warning(f"{split} has no labels in {','.join(lacking)}: no score there")
    return len(lacking) < len(predictions)


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
