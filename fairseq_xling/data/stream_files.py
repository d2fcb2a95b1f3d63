"""One stream on disk, opened only where its two files are whole and belong together."""

import os
import struct
from typing import Any, Optional

import numpy as np
from fairseq.data.indexed_dataset import MMapIndexedDataset, _code_to_dtype

from fairseq_xling.errors import UserError, explain
from fairseq_xling.files.file_kinds import refuse_stand_in

# Magic, version, type and number of rows; then the sizes and places of all rows.
HEADER = struct.Struct("<9sQBQ")
MAGIC, VERSION = b"MMIDIDX\x00\x00", 1
ROW_BYTES = 4 + 8


def open_stream(
    prefix: str, rows: Optional[int] = None, mend: str = "run preprocessing again"
) -> MMapIndexedDataset:
    """Open a stream.

    Args:
        prefix: path without ``.bin`` and ``.idx``.
        rows: how many it must have; None for any.

    Raises:
        UserError: a file is missing, cut off or something else, or there are other
            rows; the message names it.
    """
    index, data = f"{prefix}.idx", f"{prefix}.bin"
    for path in (index, data):
        refuse_stand_in(path, may_be_empty=True)
    try:
        total = os.path.getsize(data)
        with open(data, "rb"), open(index, "rb") as file:
            head = file.read(HEADER.size)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename}: not found, though manifest.json names it; {mend}"
        ) from None
    except OSError as error:
        raise UserError(explain(error)) from None
    magic, version, code, count = HEADER.unpack(head.ljust(HEADER.size, b"\0"))
    if (magic, version) != (MAGIC, VERSION) or code not in _code_to_dtype:
        raise UserError(f"{index}: not an index of fairseq's, or cut off; {mend}")
    if size != HEADER.size + count * ROW_BYTES:
        raise UserError(f"{index}: cut off, or too long; {mend}")
    if rows is not None and count != rows:
        raise UserError(f"{index}: {count} rows, though the text has {rows}; {mend}")
    if total == 0:  # fairseq cannot open an empty file
        raise UserError(f"{data}: empty; {mend}")
    opened = MMapIndexedDataset(prefix)
    sizes = np.asarray(opened.sizes, np.int64)
    item = np.dtype(opened._index.dtype).itemsize
    ends = np.cumsum(sizes) * item
    places = np.asarray(opened._index._pointers)
    if (sizes < 0).any() or not np.array_equal(places, ends - sizes * item):
        raise UserError(f"{index}: damaged; {mend}")
    held = int(ends[-1]) if len(ends) else 0
    if held != total:
        raise UserError(
            f"{data}: {total} bytes, though its index has {held}: cut off, or of "
            f"another one; {mend}"
        )
    return opened


def values_of(stream: Any) -> np.ndarray:
    """All numbers of a stream, row after row, without reading them.

    Args:
        stream: a file, or one in memory that has its ``values``.
    """
    if not isinstance(stream, MMapIndexedDataset):
        return stream.values
    return np.frombuffer(stream._bin_buffer, stream._index.dtype)


def rows_of(stream: MMapIndexedDataset) -> np.ndarray:
    """The row of each of a stream's numbers."""
    return np.repeat(np.arange(len(stream)), np.asarray(stream.sizes))


def refuse(name: str, stream: Any, wrong: np.ndarray, what: str, mend: str) -> None:
    """Refuse a stream where a number is marked.

    Args:
        wrong: bool, one for each of its numbers, or one for each row.
        what: what is wrong with the number; ``{}`` stands for it.
    """
    if not wrong.any():
        return
    place = int(wrong.argmax())
    row = place
    if "{}" in what:
        row = int(np.searchsorted(np.cumsum(stream.sizes), place, side="right"))
        what = what.format(int(values_of(stream)[place]))
    raise UserError(f"{name}: row {row + 1} {what}; {mend}")


def check_range(
    name: str, stream: Any, low: int, high: int, what: str, mend: str
) -> None:
    """Refuse numbers outside of ``low:high``; the fastest of the checks."""
    values = values_of(stream)
    if values.min() < low or values.max() >= high:
        wrong = (values < low) | (values >= high)
        refuse(name, stream, wrong, f"has {what} {{}}, of {low} to {high - 1}", mend)
