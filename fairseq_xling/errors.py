"""Mistakes in a user's input, reported as one line instead of a traceback."""

import errno
import os
import sys
from contextlib import contextmanager
from types import TracebackType
from typing import Iterator, Optional, Type

# What to do about what the operating system refuses; of others it says what is wrong.
MENDS = {
    errno.ENOSPC: "free some, or write elsewhere",
    errno.EDQUOT: "free some space, or write elsewhere",
    errno.EACCES: "change its permissions, or give another path",
    errno.EPERM: "change its permissions, or give another path",
    errno.EROFS: "write elsewhere",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOENT: "give one that exists",
    errno.ENOTDIR: "a part of the path is a file; give another path",
    errno.EEXIST: "give another path",
    errno.EISDIR: "give a file",
    errno.ELOOP: "mend the links",
}


class UserError(ValueError):
    """Something in the user's input is wrong; the message names it and the mend.

    Uncaught, it ends any command with that one line on standard error and exit
    status 1 (see :func:`install_excepthook`).
    """


def find_user_error(error: Optional[BaseException]) -> Optional[UserError]:
    """Return the :class:`UserError` at or behind ``error``, if there is one.

    fairseq re-raises some errors as a plain ``Exception``; the original is then
    found along the chain of causes.
    """
    while error is not None:
        if isinstance(error, UserError):
            return error
        error = error.__cause__ or error.__context__
    return None


def install_excepthook() -> None:
    """Print an uncaught :class:`UserError` as one line; leave all else as it was."""
    # fairseq-hydra-train's hydra would print a trace of its own and exit.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    previous = sys.excepthook
    if getattr(previous, "prints_user_errors", False):
        return

    def hook(
        kind: Type[BaseException],
        error: BaseException,
        trace: Optional[TracebackType],
    ) -> None:
        user_error = find_user_error(error)
        if user_error is None:
            previous(kind, error, trace)
        else:
            # What fairseq says around it names the file, where it names one.
            around = "" if user_error is error else f" ({error})"
            print(f"error: {user_error}{around}", file=sys.stderr)

    hook.prints_user_errors = True  # type: ignore[attr-defined]
    sys.excepthook = hook


def explain(error: OSError) -> str:
    """What the operating system refused, in one line with the path and the mend."""
    text = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    if error.errno == errno.EEXIST:
        text = "a file of this name is in the way"
    path = error.filename2 if error.filename2 is not None else error.filename
    where = "" if path is None else f"{os.fsdecode(path)}: "
    mend = MENDS.get(error.errno or 0)
    return f"{where}{text[:1].lower()}{text[1:]}" + (f"; {mend}" if mend else "")


def system_error(error: Optional[BaseException]) -> Optional[OSError]:
    """Return the operating system's error at or behind ``error``, if there is one.

    torch raises errors of its own where a file cannot be written.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the operating system refuses in the block into a :class:`UserError`.

    Raises:
        UserError: it refused something: a full disk, a folder that may not be written,
            a file where a folder is needed.
    """
    try:
        yield
    except UserError:
        raise
    except BrokenPipeError:  # the reader has read enough
        raise
    except (OSError, RuntimeError) as error:
        found = system_error(error)
        if found is None or find_user_error(error) is not None:
            raise
        raise UserError(explain(found)) from error
