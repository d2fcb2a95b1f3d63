"""Mistakes of users, which everything here tells in one line."""

import contextlib
import re
from typing import Any, Iterator

import pytest

from fairseq_xling.errors import UserError


@contextlib.contextmanager
def refused(message: str) -> Iterator[Any]:
    """The block is refused in one line, in which the pattern is found.

    Yields:
        pytest's record of the exception.
    """
    with pytest.raises(UserError, match=message) as error:
        yield error
    assert "\n" not in str(error.value)


def error_of(done: Any) -> str:
    """The line with which a command that :func:`forked.call` ran ends, and fails."""
    assert done.returncode == 1 and "Traceback" not in done.stdout, done.stdout[-2000:]
    errors = re.findall("^error: .*", done.stdout, re.MULTILINE)
    assert len(errors) == 1 and done.stdout.rstrip().endswith(errors[0])
    return errors[0]
