"""What a run of fairseq's commands that fails says, and what it leaves behind."""

import re
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Union

from torch.multiprocessing import ProcessRaisedException

from fairseq_xling.errors import UserError, one_line_errors


@contextmanager
def leaving_nothing(folder: Union[str, Path], opened: str = "") -> Iterator[None]:
    """Where the block fails, leave no new folder that is empty.

    Args:
        folder: that the block writes to, and makes with those above it.
        opened: a file in it that is written before anything else; alone, it is nothing.
    """
    folder = Path(folder)
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    file = folder / opened
    is_new = not file.exists()
    try:
        yield
    except BaseException:
        if is_new and file.is_file() and list(folder.iterdir()) == [file]:
            file.unlink()
        for one in missing:
            with suppress(OSError):  # not there, or something was written into it
                one.rmdir()
        raise


@contextmanager
def fairseq_errors() -> Iterator[None]:
    """Turn what fairseq asserts of a user's input into a :class:`UserError`.

    Raises:
        UserError: fairseq refused something, training diverged, or the operating
            system refused something, in this process or in one that it started.
    """
    try:
        with one_line_errors():
            yield
    except ProcessRaisedException as error:
        raise_user_error_of(error)
        raise
    except (AssertionError, FloatingPointError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not str(error) or not re.search(r"\bfairseq(_cli)?/", frames[-1].filename):
            raise
        reason = str(error).splitlines()[0]
        if isinstance(error, FloatingPointError):
            reason += (
                ": training diverged; give a smaller --lr, or a checkpoint whose "
                "weights are numbers"
            )
        raise UserError(reason) from error


def raise_user_error_of(error: ProcessRaisedException) -> None:
    """Raise the :class:`UserError` that ended a process, known by its traceback."""
    name = f"{UserError.__module__}.{UserError.__qualname__}"
    found = re.search(rf"^{re.escape(name)}: (.*)$", str(error), re.MULTILINE)
    if found:
        raise UserError(found[1]) from None
