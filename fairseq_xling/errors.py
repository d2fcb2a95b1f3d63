"""Mistakes in a user's input, reported as one line instead of a traceback."""

import sys
from types import TracebackType
from typing import Optional, Type


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
