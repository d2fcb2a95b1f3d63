"""The one door for checkpoints: tensors and plain values come in, no code does."""

import argparse
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Union

import torch
from fairseq import checkpoint_utils
from omegaconf.errors import OmegaConfBaseException

from fairseq_xling.checkpoints.code_in_options import refuse_code
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.typed_options import take_typed
from fairseq_xling.compat import wrap_once
from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import refuse_stand_in

TRUSTING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def guard_loading() -> None:
    """Let fairseq's checkpoints load under ``weights_only=True``, and in no other way.

    torch loads tensors and plain containers only; fairseq's older checkpoints also
    hold their options as an ``argparse.Namespace``, which runs no code when loaded.
    A checkpoint with any other global, or with code among its options, is refused
    with one line that names it.
    """
    torch.serialization.add_safe_globals([argparse.Namespace])
    wrap_once(checkpoint_utils, "load_checkpoint_to_cpu", load_safely)


def open_checkpoint(path: Union[str, Path], **typed: Any) -> Dict[str, Any]:
    """Open a checkpoint to build its model, as fairseq does.

    Raises:
        UserError: there is none, it is not safe to load, or none of fairseq's.
    """
    return checkpoint_utils.load_checkpoint_to_cpu(str(path), typed)


def look_into(path: Union[str, Path]) -> Dict[str, Any]:
    """Open a checkpoint that is looked at and not run.

    Its tensors stay on the disk, unless it was written before torch 1.6.

    Raises:
        UserError: it is none, holds code, or has an option that is.
    """
    with safe_loading(path):
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a fairseq checkpoint")
    refuse_code(str(path), state)
    return state


def load_safely(
    load: Callable[..., Any],
    path: Union[str, Path],
    arg_overrides: Any = None,
    *args: Any,
    **kwargs: Any,
) -> Dict[str, Any]:
    """In place of fairseq's ``load_checkpoint_to_cpu``; see :func:`guard_loading`."""
    path = find_checkpoint_file(path)
    typed = dict(arg_overrides or {})
    task = typed.pop("task", None)  # or it could not be told from the stored one
    with safe_loading(path):
        state = load(path, typed, *args, **kwargs)
    refuse_code(path, state, typed)
    if task is not None:
        typed["task"] = task
    take_typed(path, state, typed)
    labels = (state.get("task_state") or {}).get("labels")
    if (
        labels
    ):  # fairseq gives a model its weights alone, so they tell its head's labels
        state["model"] = OrderedDict(state["model"])
        state["model"].labels = labels  # type: ignore[attr-defined]
    return state


@contextmanager
def safe_loading(path: Union[str, Path]) -> Iterator[None]:
    """Load a checkpoint in the block, tensors and plain values alone."""
    # With this variable torch would unpickle anything that a file holds.
    trusting = os.environ.pop(TRUSTING, None)
    try:
        yield
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; give the checkpoint in it") from None
    except pickle.UnpicklingError as error:
        refuse_stand_in(path)
        raise UserError(_explain(str(path), error)) from None
    except UserError:
        raise
    except (
        *(RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError),
        OmegaConfBaseException,
    ) as error:
        refuse_stand_in(path)
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{_not_ours(str(path))} ({first_line})") from None
    finally:
        if trusting is not None:
            os.environ[TRUSTING] = trusting


def _explain(path: str, error: pickle.UnpicklingError) -> str:
    match = re.search(r"GLOBAL ([\w.]+)", str(error))
    if match is None:
        return _not_ours(path)
    return (
        f"{path}: refused, because loading it would run {match.group(1)}; only "
        "tensors, plain containers and argparse.Namespace are loaded. If you trust its "
        "origin, save the weights anew without that object"
    )


def _not_ours(path: str) -> str:
    if path.endswith((".bin", ".safetensors")):
        return (
            f"{path}: Hugging Face's weights; convert their folder with "
            "preprocess/convert_hf.py, and give the model.pt that it writes"
        )
    return f"{path}: not a fairseq checkpoint, or cut short"
