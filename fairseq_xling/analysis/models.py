"""What the analyses of checkpoints read: models, and rows of a split."""

from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.batch_options import BatchOptions
from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.evaluate import name_models
from fairseq_xling.option_values import read_languages


@dataclass(frozen=True)
class Inputs:
    """The checkpoints of an analysis, and the rows that it looks at.

    Attributes:
        data: folder of binarized data.
        paths, names: checkpoints, and their names; None for those of their folders.
        split, langs: which part of the data; None for all languages of the split.
        max_rows, seed: rows of each language at most, and of their choice.
        batches: how batches are made.
    """

    data: str
    paths: Sequence[str] = ()
    names: Optional[Sequence[str]] = None
    split: str = "test"
    langs: Optional[str] = None
    max_rows: Optional[int] = None
    seed: int = 1
    batches: BatchOptions = BatchOptions()


def load_model(path: str, inputs: Inputs) -> Tuple[Any, Any]:
    """A checkpoint's task, knowing all languages of the data, and its model.

    Raises:
        UserError: it does not fit the data.
    """
    task, model = load_task_model(path, inputs.data, any_head=True, target_langs=None)
    return task, model.to(choose_device(inputs.batches.cpu)).eval()


def load_models(inputs: Inputs) -> Iterator[Tuple[str, str, Any, Any]]:
    """Name, path, task and model of each checkpoint, one after the other.

    Raises:
        UserError: the names do not fit, or a checkpoint does not fit the data.
    """
    for name, path in zip(name_models(inputs.paths, inputs.names), inputs.paths):
        yield (name, path, *load_model(path, inputs))


def held_languages(task: Any, inputs: Inputs) -> List[str]:
    """Languages of the split, those of ``--langs`` if given, the source first.

    Raises:
        UserError: the split does not hold one of them, or there is none.
    """
    data, split = inputs.data, inputs.split
    entries = task.manifest.splits.get(split, {})
    held = [lang for lang in task.languages if lang in entries]
    asked = held if inputs.langs is None else read_languages("--langs", inputs.langs)
    lacking = sorted(set(asked) - set(held))
    if not held:
        splits = ", ".join(sorted(task.manifest.splits))
        raise UserError(f"{data}: no split {split}; it has {splits}")
    if lacking:
        raise UserError(
            f"{data}: no {split} in {','.join(lacking)}; it has {','.join(held)}"
        )
    return [lang for lang in held if lang in asked]


def with_counterparts(task: Any, inputs: Inputs) -> List[str]:
    """The target languages of the split that have a source stream.

    Raises:
        UserError: one of ``--langs`` has none, or no language has.
    """
    entries = task.manifest.splits.get(inputs.split, {})
    langs = [lang for lang in held_languages(task, inputs) if lang != task.source_lang]
    paired = [lang for lang in langs if "source" in entries[lang].streams]
    lacking = sorted(set(langs) - set(paired))
    if not paired or (lacking and inputs.langs):
        raise UserError(
            f"{inputs.data}: {inputs.split} has no counterparts in the source language "
            f"for {','.join(lacking) or 'any language'}; binarize the data with their "
            "translations to it"
        )
    return paired
