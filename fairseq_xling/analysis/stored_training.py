"""How the model of an evaluation was trained, as its checkpoint says."""

import argparse
import zipfile
from pathlib import Path
from typing import Any, Dict

import torch

from fairseq_xling.checkpoints.stored_options import check_options
from fairseq_xling.compat import safe_loading
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.result_files import ScoredModel
from fairseq_xling.files.atomic import PathLike


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
