"""Outputs appear whole or not at all: write to a temporary name, then rename."""

import glob
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, List, Union

PathLike = Union[str, Path]


@contextmanager
def atomic_file(path: PathLike, mode: str = "w") -> Iterator[IO]:
    """Open a file that takes the name ``path`` only when the block succeeds.

    Args:
        path: the final name; its folder is made if needed.
        mode: ``"w"`` for UTF-8 text, ``"wb"`` for bytes.
    """
    path = Path(path)
    encoding = None if "b" in mode else "utf-8"
    with folders_above(path):
        descriptor, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", dir=path.parent
        )
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

    A folder that is already there, or that a link of this name leads to, is replaced at
    that moment; see :mod:`fairseq_xling.files.destination` for what may be.
    """
    path = Path(os.path.realpath(path))
    with folders_above(path):
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            os.chmod(temporary, 0o777 & ~_umask())
            _replace_folder(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _replace_folder(new: Path, path: Path) -> None:
    """Rename a folder; the one that is there is removed only when that succeeded."""
    if not path.exists():
        os.replace(new, path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        os.replace(path, old)
        try:
            os.replace(new, path)
        except BaseException:
            os.replace(old, path)
            raise
    except BaseException:
        if old.exists():
            old.rmdir()
        raise
    shutil.rmtree(old)


def remove_temporary(path: PathLike) -> None:
    """Remove what killed processes have left of a path, which nobody writes."""
    path = Path(path)
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        if name.fullmatch(left.name):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def folders_above(path: Path) -> Iterator[None]:
    """Make the folders above ``path``; where the block fails, remove them again.

    What the operating system refuses names ``path`` instead of a temporary name.
    """
    made: List[Path] = []
    try:
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for folder in made:
            try:
                folder.rmdir()
            except OSError:  # not there, or somebody wrote into it
                break
        if isinstance(error, OSError) and error.errno is not None:
            name = "" if error.filename is None else os.fsdecode(error.filename)
            if not name or Path(name).name.startswith(f".{path.name}."):
                error.filename, error.filename2 = str(path), None
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
