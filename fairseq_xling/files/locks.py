"""Processes side by side that write into one folder."""

import fcntl
import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator, Union

from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)


@contextmanager
def locked(path: Union[str, Path]) -> Iterator[None]:
    """Hold a file or folder in the block; another process waits until it ends.

    It leaves no file behind, and ends with the process in any case.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems of networks lock nothing
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def claim(file: IO, folder: Path, mend: str) -> None:
    """Hold an open file until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{folder}: another process is writing there; {mend}") from None
    except OSError:  # a file system that locks nothing
        pass


@contextmanager
def only_one_run(folder: Path) -> Iterator[None]:
    """Keep two runs from writing one folder.

    Commands inherit the lock: where a run was killed and its commands go on, the next
    run waits for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info(f"{folder}: waiting for another run there to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
