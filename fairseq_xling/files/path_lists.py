"""Several paths in one option: ours with commas between them, fairseq's with colons."""

import csv
import io
import os
from typing import Iterable, List

from fairseq_xling.errors import UserError


def join_paths(paths: Iterable[object]) -> str:
    """Write a comma list; a path with a comma, quote or line end is quoted as in CSV.

    Args:
        paths: such as ``["a", "b,c"]``, which gives ``a,"b,c"``.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([str(path) for path in paths])
    return text.getvalue()[: -len("\r\n")]


def split_paths(text: str, option: str) -> List[str]:
    """Read what :func:`join_paths` writes.

    Raises:
        UserError: quotes do not match, or a path is empty.
    """
    try:
        paths = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise UserError(
            f"{option} {text!r}: no list of paths ({error}); put a path that has a "
            "comma or a quote in double quotes, such as 'a,\"b,c\"'"
        ) from None
    if not all(paths) or not paths:
        raise UserError(f"{option} {text!r}: a path is empty; leave out a comma")
    return paths


def refuse_pathsep(path: object, option: str = "") -> None:
    """Refuse a path that fairseq would take for several."""
    if os.pathsep in str(path):
        raise UserError(
            f"{f'{option} {path}'.strip()}: fairseq takes {os.pathsep} for the end of "
            "one path and the beginning of another; give a path without it, such as a "
            "link"
        )
