"""What the analyses of checkpoints read: models, and rows of a split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.result_files import ScoredModel
from fairseq_xling.families.prediction import BatchOptions
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
    """A checkpoint's task, knowing all languages of the data, and its model."""
    task, model = load_task_model(path, inputs.data, any_head=True, target_langs=None)
    return task, model.to(choose_device(inputs.batches.cpu)).eval()


def held_languages(task: Any, inputs: Inputs) -> List[str]:
    """Languages of the split, those of ``--langs`` if given, the source first."""
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
    """The target languages of the split that have a source stream."""
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


def load_record(one: ScoredModel, wanted: str) -> Dict[str, Any]:
    """The checkpoint of a model with scores, to see how it was trained."""
    path = Path(one.path)
    if not path.is_file():
        raise UserError(
            f"{path}: not found, to see how {one.name} was trained; run this where it "
            f"was evaluated, or give {wanted}"
        )
    return look_into(path)
