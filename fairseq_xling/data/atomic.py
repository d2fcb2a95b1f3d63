"""Outputs appear whole or not at all: write to a temporary name, then rename."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, Sequence, Union

from fairseq_xling.errors import UserError

PathLike = Union[str, Path]


def check_destdir(
    destdir: Path, overwrite: bool, marks: Sequence[str], what: str
) -> None:
    """Refuse to replace anything but an output of the same kind, when told to.

    Args:
        destdir: folder to write.
        overwrite: whether one that exists may be replaced.
        marks: files of which such an output has one.
        what: what it is, for messages.

    Raises:
        UserError: there is something at ``destdir`` that must not be replaced.
    """
    if not destdir.exists():
        return
    if not overwrite:
        raise UserError(f"{destdir}: exists; replace it with --overwrite")
    is_ours = any((destdir / name).exists() for name in marks)
    if not destdir.is_dir() or (any(destdir.iterdir()) and not is_ours):
        raise UserError(
            f"{destdir}: exists and is not {what}, so --overwrite does not replace it; "
            "give another --destdir"
        )


@contextmanager
def atomic_file(path: PathLike, mode: str = "w") -> Iterator[IO]:
    """Open a file that takes the name ``path`` only when the block succeeds.

    Args:
        path: the final name; its folder is made if needed.
        mode: ``"w"`` for UTF-8 text, ``"wb"`` for bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = None if "b" in mode else "utf-8"
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, mode, encoding=encoding) as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def atomic_folder(path: PathLike) -> Iterator[Path]:
    """Yield a new folder that takes the name ``path`` only when the block succeeds.

    A folder that is already there is replaced at that moment.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
