"""Predicted rows in a file, so that memory does not grow with their number."""

import pickle
import tempfile
from array import array
from typing import Any, Iterator

import numpy as np

# Bytes that are kept in memory; for more a temporary file is made.
IN_MEMORY = 1 << 24


class RowFile:
    """Rows, which are read one by one in the order of their numbers.

    They are added in any order, all before the first is read.
    """

    def __init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(IN_MEMORY)
        self.ends, self.numbers, self.paired = array("q", [0]), array("q"), array("b")

    def add(self, row: Any) -> None:
        """Add a :class:`PredictedRow`."""
        self.file.write(pickle.dumps(row, pickle.HIGHEST_PROTOCOL))
        self.ends.append(self.file.tell())
        self.numbers.append(row.row)
        self.paired.append(row.has_source)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Any]:
        for place in self.order():
            self.file.seek(self.ends[place])
            # This process has written it, into a file that has no name.
            yield pickle.loads(self.file.read(self.ends[place + 1] - self.ends[place]))

    def order(self) -> np.ndarray:
        """Which of those added each row is, ``(rows,)``."""
        return np.argsort(np.array(self.numbers), kind="stable")

    def has_source(self) -> np.ndarray:
        """Which rows had a counterpart, bool ``(rows,)``."""
        return np.array(self.paired, bool)[self.order()]
