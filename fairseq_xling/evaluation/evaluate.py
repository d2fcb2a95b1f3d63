"""Evaluating models on every language of a split, or on several benchmarks."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.results import (
    compare,
    has_source,
    intervals,
    score,
    write_results,
)
from fairseq_xling.evaluation.score_table import benchmark_tables, score_table
from fairseq_xling.families.base import Predictions
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.families.sharding import is_first
from fairseq_xling.files.atomic import atomic_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated, and how.

    Attributes:
        data: folder of binarized data.
        paths: checkpoints; further ones are compared with the first.
        names: theirs in tables; None for those of their folders.
        split: which is predicted.
        target_langs: comma list; None for the checkpoints' own.
        ways: the stream that predicts, one for all checkpoints or one for each.
        no_mixup_inference: whether to leave counterparts out.
        results_path: folder to write; None for one beside the first checkpoint.
        batches: how batches are made.
        bootstrap_samples, seed: of the bootstrap.
    """

    data: str
    paths: Sequence[str]
    names: Optional[Sequence[str]] = None
    split: str = "test"
    target_langs: Optional[str] = None
    ways: Sequence[str] = ("mean",)
    no_mixup_inference: bool = False
    results_path: Optional[str] = None
    batches: BatchOptions = BatchOptions()
    bootstrap_samples: int = 10000
    seed: int = 1


def name_models(paths: Sequence[str], names: Optional[Sequence[str]]) -> List[str]:
    """Names of the models: as given, or the checkpoints' folders."""
    if names is None:
        names = [Path(path).resolve().parent.name for path in paths]
        if len(set(names)) < len(names):
            names = [f"{name}/{Path(path).stem}" for name, path in zip(names, paths)]
    if len(names) != len(paths) or len(set(names)) < len(names):
        raise UserError(
            f"--names {' '.join(names)}: give {len(paths)} different names, one for "
            "each checkpoint"
        )
    return list(names)


def check_folder_names(names: Sequence[str]) -> None:
    """Refuse names that lead out of the results, as each names a folder there."""
    for name in names:
        parts = PurePath(name).parts
        if not parts or ".." in parts or PurePath(name).is_absolute():
            raise UserError(f"--names '{name}': give a name that can name a folder")


def choose_ways(ways: Sequence[str], count: int) -> List[str]:
    """The predicting stream of each model."""
    if len(ways) not in (1, count):
        raise UserError(
            f"--predict {' '.join(ways)}: give one for all {count} checkpoints, or one "
            "for each"
        )
    return list(ways) * (count if len(ways) == 1 else 1)


def evaluate_benchmarks(each: Sequence[Evaluation], folder: str) -> Dict[str, Any]:
    """Evaluate several benchmarks, and write the tables over them.

    Raises:
        UserError: as :func:`evaluate`, or two have the same benchmark.
    """
    tasks: Dict[str, Evaluation] = {}
    for one in each:
        task = Manifest.load(one.data).task
        if task in tasks:
            raise UserError(
                f"{one.data}: {task} is among the data already; give each task once"
            )
        tasks[task] = replace(one, results_path=str(Path(folder) / task))
    by_task = {task: evaluate(one) for task, one in tasks.items()}
    if not is_first():
        return {}
    for markdown, name in ((False, "tables.txt"), (True, "tables.md")):
        with atomic_file(Path(folder) / name) as file:
            file.write(benchmark_tables(list(by_task.values()), markdown))
    print(benchmark_tables(list(by_task.values())))
    return by_task


def evaluate(one: Evaluation) -> Dict[str, Any]:
    """Evaluate a benchmark, write the results, and return what ``results.json`` holds.

    Where several processes share the rows, the first one does all but predict, and the
    others return nothing.

    Raises:
        UserError: a checkpoint, the data or an option is wrong.
    """
    names = name_models(one.paths, one.names)
    check_folder_names(names)
    ways = choose_ways(one.ways, len(names))
    results: Dict[str, Any] = {"split": one.split, "models": {}}
    predictions: Dict[str, Dict[str, Any]] = {}
    for name, path, way in zip(names, one.paths, ways):
        task, found = predict_checkpoint(one, path, way)
        if not is_first():
            continue
        check_predictions(one, path, way, found)
        predictions[name] = found
        scores = score(found, task.source_lang, way, task.family.ways)
        scores["intervals"] = intervals(
            found, scores["scores"], one.bootstrap_samples, one.seed
        )
        results["models"][name] = {"path": str(path), **scores}
        if not has_source(found):
            logger.info(f"{name}: predicts from the target alone")
        languages = list(found)
        if languages != results.setdefault("languages", languages):
            raise UserError(
                f"{path}: its languages are {','.join(languages)}, those of "
                f"{one.paths[0]} {','.join(results['languages'])}; compare models of "
                "the same ones"
            )
        results.update(
            task=task.benchmark,
            family=task.family.stored,
            metric=task.family.metric,
            source_lang=task.source_lang,
            labels=task.label_names,
        )
    if not is_first():
        return {}
    is_labelled = say_what_is_unlabelled(one.split, found)
    if len(names) > 1 and is_labelled:
        results["baseline"] = names[0]
        results["differences"] = compare(
            predictions, ways, one.bootstrap_samples, one.seed
        )
    beside = Path(one.paths[0]).parent / f"results-{one.split}"
    folder = Path(one.results_path or beside)
    write_results(folder, results, predictions)
    print(score_table(results))
    print(f"written to {folder}")
    return results


def predict_checkpoint(one: Evaluation, path: str, way: str) -> Any:
    """Load a checkpoint and predict the split."""
    options: Dict[str, Any] = {}
    if one.target_langs is not None:
        options["target_langs"] = one.target_langs
    if one.no_mixup_inference:
        options["no_mixup_inference"] = True
    task, model = load_task_model(path, one.data, **options)
    if way == "source" and way not in task.family.ways:
        raise UserError(
            f"--predict source: {task.benchmark} is predicted from the target alone; "
            "choose --predict target"
        )
    return task, predict_split(task, model, one.split, one.batches)


def check_predictions(
    one: Evaluation, path: str, way: str, predictions: Dict[str, Predictions]
) -> None:
    """Refuse those that are not numbers, or not of the stream that is to predict."""
    for lang, found in predictions.items():
        if not found.is_finite:
            mend = "its training diverged, give an earlier checkpoint"
            if one.batches.fp16:
                mend = "half precision overflows, leave out --fp16"
            raise UserError(
                f"{path}: probabilities that are not numbers in {lang}; {mend}"
            )
    if way == "source" and not has_source(predictions):
        raise UserError(
            f"{path}: --predict source, but it reads no counterparts of {one.split}; "
            "binarize the data with their translations to the source language, or "
            "choose --predict target"
        )


def predict_split(
    task: Any, model: Any, split: str, batches: BatchOptions
) -> Dict[str, Predictions]:
    """Predict all rows of a split, by language, in the task's order of languages.

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


def say_what_is_unlabelled(split: str, predictions: Dict[str, Any]) -> bool:
    """Log which languages have no labels; say whether any has."""
    lacking = [lang for lang, one in predictions.items() if not one.scores("target")]
    if len(lacking) == len(predictions):
        logger.warning(f"{split} has no labels: only predictions are written")
    elif lacking:
        logger.warning(f"{split} has no labels in {','.join(lacking)}: no score there")
    return len(lacking) < len(predictions)
