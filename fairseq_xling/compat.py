"""What fairseq needs to run under current torch, without giving up safe loading."""

import argparse
import copy
import functools
import importlib.util
import logging
import os
import pickle
import re
import shutil
from collections import OrderedDict
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator

import torch
from fairseq import checkpoint_utils, options
from fairseq.file_io import PathManager
from omegaconf.errors import OmegaConfBaseException

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_options import check_options
from fairseq_xling.checkpoints.stored_task import take_typed
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.file_kinds import refuse_stand_in

# Compiled products that oneDNN keeps, one a shape; its own 1,024 fill a gigabyte when
# the shapes of batches vary.
PRIMITIVES = "64"
TRUSTING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
# What weights of a Transformer are like.
TYPICAL_WEIGHT = 0.05

logger = logging.getLogger(__name__)


def hush_matplotlib() -> None:
    """Keep matplotlib from telling its settings when it is imported.

    One of fairseq's models leaves the root logger at ``DEBUG``.
    """
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def bound_primitive_cache() -> None:
    """Keep oneDNN's memory from growing with every new shape of a batch, on a CPU.

    It reads the variable when first used; a value that the user has set stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", PRIMITIVES)


def allow_fairseq_checkpoints() -> None:
    """Let fairseq's checkpoints load under ``weights_only=True``.

    torch loads tensors and plain containers only; fairseq's older checkpoints also
    hold their options as an ``argparse.Namespace``, which runs no code when loaded.
    A checkpoint with any other global, or with code among its options, is refused
    with one line that names it.
    """
    torch.serialization.add_safe_globals([argparse.Namespace])
    load = checkpoint_utils.load_checkpoint_to_cpu
    if getattr(load, "names_refused_globals", False):
        return

    @functools.wraps(load)
    def load_checkpoint_to_cpu(path, arg_overrides=None, *args, **kwargs):
        path = find_checkpoint_file(path)
        typed = dict(arg_overrides or {})
        task = typed.pop("task", None)  # or it could not be told from the stored one
        with safe_loading(path):
            state = load(path, typed, *args, **kwargs)
        check_options(str(path), state, typed)
        if task is not None:
            typed["task"] = task
        take_typed(str(path), state, typed)
        name_labels(state)
        return state

    load_checkpoint_to_cpu.names_refused_globals = True  # type: ignore[attr-defined]
    checkpoint_utils.load_checkpoint_to_cpu = load_checkpoint_to_cpu


def name_labels(state: Dict[str, Any]) -> None:
    """Let the weights of a checkpoint tell the labels that their head was trained on.

    fairseq gives a model its weights alone; the model looks at ``labels`` of them.
    """
    labels = (state.get("task_state") or {}).get("labels")
    if labels:
        state["model"] = OrderedDict(state["model"])
        state["model"].labels = labels  # type: ignore[attr-defined]


def skip_interval_copies() -> None:
    """Let ``--keep-interval-updates 0`` keep no checkpoint but the last and the best.

    fairseq reads 0 as "all". Whatever is kept, each save of
    ``--save-interval-updates`` is written as ``checkpoint_{epoch}_{updates}.pt`` first.
    """
    save = checkpoint_utils.save_checkpoint
    if getattr(save, "skips_interval_copies", False):
        return

    @functools.wraps(save)
    def save_checkpoint(cfg, *args, **kwargs):
        if cfg.keep_interval_updates == 0:
            cfg = copy.copy(cfg)
            cfg.save_interval_updates = 0
        return save(cfg, *args, **kwargs)

    save_checkpoint.skips_interval_copies = True  # type: ignore[attr-defined]
    checkpoint_utils.save_checkpoint = save_checkpoint


def mend_precision_options() -> None:
    """Let fairseq's commands take ``--bf16`` where there is no TPU.

    fairseq reads it as ``--tpu`` and then fails for want of torch_xla; where that is
    installed, this stays so. Told are ``--fp16`` beside it, and steps that get lost.
    """
    parse = options.parse_args_and_arch
    if getattr(parse, "knows_bf16", False):
        return

    @functools.wraps(parse)
    def parse_args_and_arch(*args, **kwargs):
        try:
            parsed = parse(*args, **kwargs)
        except ValueError as error:
            if not str(error).startswith("Cannot combine --fp16 and --tpu"):
                raise
            raise UserError("--fp16 with --bf16 or --tpu: give one of them") from None
        found = parsed[0] if isinstance(parsed, tuple) else parsed
        if (
            getattr(found, "bf16", False)
            and importlib.util.find_spec("torch_xla") is None
        ):
            found.tpu = False
        warn_of_lost_steps(found)
        refuse_unreadable(found)
        return parsed

    parse_args_and_arch.knows_bf16 = True  # type: ignore[attr-defined]
    options.parse_args_and_arch = parse_args_and_arch


def refuse_unreadable(args: argparse.Namespace) -> None:
    """Refuse values that fairseq cannot hand on to hydra, such as odd names of folders.

    Args:
        args: fairseq's command line.

    Raises:
        UserError: there is one; the message names the option.
    """
    for name, value in vars(args).items():
        if isinstance(value, str) and re.search(r"\$\{|\\('|$)", value):
            option = name if name == "data" else "--" + name.replace("_", "-")
            raise UserError(
                f"{option} {value!r}: fairseq cannot read a ${{, or a backslash before "
                "a quote or at the end; give another name"
            )


def warn_of_lost_steps(args: argparse.Namespace) -> None:
    """Tell where weights in half precision would not move.

    ``--memory-efficient-fp16`` and ``-bf16`` keep no fp32 copy of the weights. Adam's
    step is about the learning rate, and one below half a unit in a weight's last place
    is rounded away.

    Args:
        args: fairseq's command line.
    """
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        if not getattr(args, f"memory_efficient_{name}", False):
            continue
        lr = max(getattr(args, "lr", None) or [0.0])
        if lr < TYPICAL_WEIGHT * torch.finfo(dtype).eps / 2:
            logger.warning(
                f"--memory-efficient-{name}: with --lr {lr:g} many weights stay as "
                f"they are, as steps this small are lost in {name}; give --{name} "
                "instead, which keeps the weights in fp32 beside"
            )


def save_checkpoints_whole() -> None:
    """Let no half of a checkpoint stay where one cannot be saved, as on a full disk.

    fairseq would try thrice, print a traceback and leave a file that ends in ``.tmp``;
    and it copies checkpoints in place.
    """
    save, copy = checkpoint_utils.torch_persistent_save, PathManager.copy
    if getattr(save, "is_whole", False):
        return

    @functools.wraps(save)
    def torch_persistent_save(obj, filename, async_write=False):
        if async_write:
            return save(obj, filename, async_write)
        with _whole(filename) as temporary, open(temporary, "wb") as file:
            torch.save(obj, file)

    @functools.wraps(copy)
    def copy_whole(src_path, dst_path, overwrite=False):
        if os.path.exists(dst_path) and not overwrite:
            return copy(src_path, dst_path, overwrite)
        with _whole(dst_path) as temporary:
            shutil.copyfile(src_path, temporary)
        return True

    torch_persistent_save.is_whole = True  # type: ignore[attr-defined]
    checkpoint_utils.torch_persistent_save = torch_persistent_save
    PathManager.copy = staticmethod(copy_whole)


@contextmanager
def _whole(path) -> Iterator[str]:
    """Yield a name that becomes ``path`` when the block succeeds.

    It is always the same one, so that what a killed run leaves is written over.
    """
    temporary = f"{path}.tmp"
    try:
        with one_line_errors():
            yield temporary
            os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, UserError) and temporary not in str(error):
            raise UserError(f"{path}: cannot be saved ({error})") from error
        raise


@contextmanager
def safe_loading(path) -> Iterator[None]:
    """Load a checkpoint in the block, tensors and plain values alone.

    Args:
        path: of the checkpoint, for messages.

    Raises:
        UserError: it holds anything else, or is none.
    """
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
