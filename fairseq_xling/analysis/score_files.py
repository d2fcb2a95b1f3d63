"""Models and their scores from the results of evaluations."""

import argparse
import zipfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import torch

from fairseq_xling.checkpoints.stored_options import check_options
from fairseq_xling.cli.benchmark_tables import load_results
from fairseq_xling.compat import safe_loading
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import PathLike


class ScoredModel(NamedTuple):
    """A model's scores on one task.

    Attributes:
        name: of the model.
        results: what its ``results.json`` says of the task.
        path: of its checkpoint, as it was evaluated.
        scores: in percent by language, by the stream that predicts.
        average: over the languages.
        gap: the transfer gap, if there are a source and another language.
    """

    name: str
    results: Dict[str, Any]
    path: str
    scores: Dict[str, float]
    average: float
    gap: Optional[float]

    @property
    def task(self) -> str:
        """The benchmark."""
        return self.results["task"]


def read_models(
    paths: Sequence[str], names: Optional[Sequence[str]] = None
) -> List[ScoredModel]:
    """Read models with scores from results.

    Args:
        paths: ``results.json`` files, or the folders that hold them.
        names: which models, in this order (default: all, as they are written).

    Raises:
        UserError: a file is none of ``xling-evaluate``, or there is no such model.
    """
    found = [
        scored(name, model, results)
        for results in load_results(paths)
        for name, model in results["models"].items()
        if model["scores"]
    ]
    known = list(dict.fromkeys(one.name for one in found))
    lacking = sorted(set(names or []) - set(known))
    if lacking or not found:
        raise UserError(
            f"{', '.join(paths)}: no scores of {', '.join(lacking) or 'any model'}; "
            f"there are {', '.join(known) or 'none'}"
        )
    if not names:
        return found
    return [one for name in names for one in found if one.name == name]


def scored(name: str, model: Dict[str, Any], results: Dict[str, Any]) -> ScoredModel:
    """One model of a ``results.json``."""
    scores = model["scores"][model["predict"]]
    by_lang = {lang: scores[lang] for lang in results["languages"] if lang in scores}
    return ScoredModel(
        name, results, model["path"], by_lang, scores["average"], scores.get("gap")
    )


def find_scores(
    models: Sequence[ScoredModel], name: str, path: str, task: str, split: str
) -> ScoredModel:
    """The scores of a checkpoint: of its name, or of its folder and file.

    Args:
        models: with scores.
        name, path: of the checkpoint.
        task, split: what it was evaluated on.

    Raises:
        UserError: there are none.
    """
    models = [
        one for one in models if (one.task, one.results["split"]) == (task, split)
    ]
    for one in models:
        if one.name == name:
            return one
    place = Path(path).resolve().parts[-2:]
    for one in models:
        if Path(one.path).parts[-2:] == place:
            return one
    raise UserError(
        f"{path}: no scores of {name} on {split} of {task} in --results, which has "
        f"{', '.join(one.name for one in models) or 'none'} there; give these names by "
        "--names, or other --results"
    )


def load_record(one: ScoredModel, wanted: str) -> Dict[str, Any]:
    """The checkpoint of a model with scores, to see how it was trained.

    Args:
        one: the model.
        wanted: the option that can be given instead.

    Raises:
        UserError: it is not where it was when it was evaluated, or not safe to read.
    """
    path = Path(one.path)
    if not path.is_file():
        raise UserError(
            f"{path}: not found, to see how {one.name} was trained; run this where it "
            f"was evaluated, or give {wanted}"
        )
    return read_record(path)


def read_record(path: PathLike) -> Dict[str, Any]:
    """Read a checkpoint that is looked at and not run.

    Its tensors stay on the disk, unless it was written before torch 1.6.

    Raises:
        UserError: it is none, holds code, or has an option that is.
    """
    with safe_loading(path):
        record = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    if not isinstance(record, dict):
        raise UserError(f"{path}: not a fairseq checkpoint")
    check_options(str(path), record)
    return record


def stored_option(record: Dict[str, Any], part: str, name: str) -> Any:
    """An option that a checkpoint was trained with; None where it does not say.

    Args:
        record: the checkpoint.
        part: ``"model"`` or ``"task"``.
        name: of the option.
    """
    options = (record.get("cfg") or {}).get(part) or {}
    if isinstance(options, argparse.Namespace):
        options = vars(options)
    return options.get(name)
