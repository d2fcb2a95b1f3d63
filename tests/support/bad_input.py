"""Commands in this process that are handed something wrong."""

import contextlib
import errno
import hashlib
import io
import logging
import os
import signal
import sys
import unittest.mock
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Sequence


def contents(folder: Path) -> Dict[str, str]:
    """Kind, or digest, of everything below a folder, by its path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def call(main: Callable[[], Any], arguments: Sequence[Any]) -> SimpleNamespace:
    """Call a command's function as its console script does.

    Returns:
        its exit ``status``, and what it wrote to ``stderr``.
    """
    handlers, level = logging.root.handlers[:], logging.root.level
    err, status, pipe = io.StringIO(), 0, signal.getsignal(signal.SIGPIPE)
    argv = [str(argument) for argument in arguments]
    with (
        unittest.mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stderr(err),
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.root.handlers.clear()
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except Exception:
            status = 1
            sys.excepthook(*sys.exc_info())
        finally:
            signal.signal(signal.SIGPIPE, pipe)
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)
    return SimpleNamespace(status=status, stderr=err.getvalue())


def check_refusal(main: Callable[[], Any], arguments: Sequence[Any], tree: Path) -> str:
    """A command ends with one line, and leaves all below ``tree`` as it was.

    Returns:
        the line.
    """
    before = contents(tree)
    done = call(main, arguments)
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.status == 1 and len(lines) == 1, (done.status, done.stderr[-3000:])
    assert done.stderr.rstrip().endswith(lines[0]), done.stderr[-3000:]
    after = contents(tree)
    assert after == before, sorted(set(after.items()) ^ set(before.items()))
    return lines[0]


@contextlib.contextmanager
def refusing(number: int, below: Path):
    """Imitate a system that refuses to make a folder, or anything in it.

    Root may write in every folder, so permissions do not show it.

    Args:
        number: of ``errno``, such as that of a full disk.
        below: the folder.
    """
    open_file, make_folder = os.open, os.mkdir
    builtin_open = io.open

    def refuse(path: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        place = Path(os.path.realpath(os.fsdecode(path)))
        hidden = f".{below.name}."  # temporary names
        if below in (place, *place.parents) or hidden in str(place):
            raise OSError(number, os.strerror(number), os.fspath(path))

    def mkdir(path, *args, **kwargs):
        refuse(path)
        return make_folder(path, *args, **kwargs)

    def low_open(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            refuse(path)
        return open_file(path, flags, *args, **kwargs)

    def high_open(path, mode="r", *args, **kwargs):
        if set(mode) & set("wax+"):
            refuse(path)
        return builtin_open(path, mode, *args, **kwargs)

    with (
        unittest.mock.patch("os.open", low_open),
        unittest.mock.patch("os.mkdir", mkdir),
        unittest.mock.patch("io.open", high_open),
        unittest.mock.patch("builtins.open", high_open),
    ):
        yield


READ_ONLY, FULL = errno.EROFS, errno.ENOSPC
