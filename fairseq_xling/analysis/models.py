"""The checkpoints of an analysis, and the languages that it looks at."""

import argparse
from pathlib import Path
from typing import Any, List, Tuple

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.option_values import read_languages


def check_names(args: argparse.Namespace) -> List[str]:
    """Names of the models: as given, or the folders of their checkpoints.

    Raises:
        UserError: a checkpoint is missing, or the names do not fit.
    """
    args.path = [find_checkpoint_file(path) for path in args.path]
    names = args.names or [Path(path).resolve().parent.name for path in args.path]
    if len(names) != len(args.path) or len(set(names)) < len(names):
        raise UserError(
            f"--names {' '.join(names)}: give {len(args.path)} different names, one "
            "for each checkpoint"
        )
    return list(names)


def load_model(path: str, args: argparse.Namespace) -> Tuple[Any, Any]:
    """A checkpoint's task, knowing all languages of the data, and its model.

    Raises:
        UserError: it does not fit the data.
    """
    # No head is looked at, so whatever it was trained to predict.
    task, model = load_task_model(path, args.data, target_langs=None)
    return task, model.to(choose_device(args.cpu)).eval()


def held_languages(task: Any, args: argparse.Namespace) -> List[str]:
    """Languages of the split, those of ``--langs`` if given, the source first.

    Raises:
        UserError: the split does not hold one of them, or there is none.
    """
    entries = task.manifest.splits.get(args.split, {})
    held = [lang for lang in task.languages if lang in entries]
    asked = held if args.langs is None else read_languages("--langs", args.langs)
    lacking = sorted(set(asked) - set(held))
    if not held:
        splits = ", ".join(sorted(task.manifest.splits))
        raise UserError(f"{args.data}: no split {args.split}; it has {splits}")
    if lacking:
        raise UserError(
            f"{args.data}: no {args.split} in {','.join(lacking)}; it has "
            f"{','.join(held)}"
        )
    return [lang for lang in held if lang in asked]


def with_counterparts(task: Any, args: argparse.Namespace) -> List[str]:
    """The target languages of the split that have a source stream.

    Raises:
        UserError: one of ``--langs`` has none, or no language has.
    """
    entries = task.manifest.splits.get(args.split, {})
    langs = [lang for lang in held_languages(task, args) if lang != task.source_lang]
    paired = [lang for lang in langs if "source" in entries[lang].streams]
    lacking = sorted(set(langs) - set(paired))
    if not paired or (lacking and args.langs):
        raise UserError(
            f"{args.data}: {args.split} has no counterparts in the source language for "
            f"{','.join(lacking) or 'any language'}; binarize the data with their "
            "translations to it"
        )
    return paired
