"""Saving checkpoints: whole ones, and no more than were asked for."""

import copy
import os
import shutil
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator

import torch
from fairseq import checkpoint_utils
from fairseq.file_io import PathManager

from fairseq_xling.compat import wrap_once
from fairseq_xling.errors import UserError, one_line_errors


def guard_saving() -> None:
    """Let no half of a checkpoint stay where one cannot be saved, as on a full disk.

    fairseq would try thrice, print a traceback and leave a file that ends in ``.tmp``;
    and it copies checkpoints in place.
    """
    wrap_once(checkpoint_utils, "save_checkpoint", skip_interval_copies)
    wrap_once(checkpoint_utils, "torch_persistent_save", save_whole)
    wrap_once(PathManager, "copy", copy_whole)


def skip_interval_copies(save: Callable[..., Any], cfg: Any, *args: Any, **kwargs: Any):
    """Let ``--keep-interval-updates 0`` keep no checkpoint but the last and the best.

    fairseq reads 0 as "all". Whatever is kept, each save of
    ``--save-interval-updates`` is written as ``checkpoint_{epoch}_{updates}.pt`` first.
    """
    if cfg.keep_interval_updates == 0:
        cfg = copy.copy(cfg)
        cfg.save_interval_updates = 0
    return save(cfg, *args, **kwargs)


def save_whole(save: Callable[..., Any], obj: Any, filename, async_write: bool = False):
    """In place of fairseq's ``torch_persistent_save``."""
    if async_write:
        return save(obj, filename, async_write)
    with whole(filename) as temporary, open(temporary, "wb") as file:
        torch.save(obj, file)


def copy_whole(
    copy_file: Callable[..., bool], src_path, dst_path, overwrite: bool = False
) -> bool:
    """In place of fairseq's ``PathManager.copy``."""
    if os.path.exists(dst_path) and not overwrite:
        return copy_file(src_path, dst_path, overwrite)
    with whole(dst_path) as temporary:
        shutil.copyfile(src_path, temporary)
    return True


@contextmanager
def whole(path) -> Iterator[str]:
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
