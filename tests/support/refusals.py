"""Mistakes of users, which everything here tells in one line."""

import contextlib
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
