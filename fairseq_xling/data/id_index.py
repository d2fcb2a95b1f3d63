"""Where the row with a given id stands, in a few bytes a row."""

from array import array
from hashlib import blake2b
from typing import Optional, Tuple

import numpy as np


class IdIndex:
    """Finds rows of a file by id; memory grows by 40 bytes a row.

    Ids are kept as 64-bit digests. Two ids of one file share theirs by chance in about
    one file in thirty million of a million rows; that would be taken for a repeat.
    """

    def __init__(self) -> None:
        self.digests = array("Q")
        self.lines = array("q")
        self.places = array("q")
        self.order = np.zeros(0, np.int64)
        self.sorted = np.zeros(0, np.uint64)

    def add(self, row_id: str, line: int, place: int) -> None:
        """Note where a row stands: its line, and its place as the file counts them."""
        self.digests.append(_digest(row_id))
        self.lines.append(line)
        self.places.append(place)

    def finish(self) -> Optional[Tuple[int, int]]:
        """Make the index ready.

        Returns:
            the first line whose id stands in a line before, and that line; None where
            all ids differ.
        """
        digests = np.frombuffer(self.digests, np.uint64)
        self.order = np.argsort(digests, kind="stable")
        self.sorted = digests[self.order]
        repeats = np.flatnonzero(self.sorted[1:] == self.sorted[:-1])
        if not len(repeats):
            return None
        later = int(self.order[repeats + 1].min())
        earlier = int(np.flatnonzero(digests == digests[later])[0])
        return self.lines[later], self.lines[earlier]

    def find(self, row_id: str) -> Optional[Tuple[int, int]]:
        """Line and place of the row that has an id by its digest, or None."""
        digest = np.uint64(_digest(row_id))
        position = int(np.searchsorted(self.sorted, digest))
        if position == len(self.sorted) or self.sorted[position] != digest:
            return None
        row = int(self.order[position])
        return self.lines[row], self.places[row]


def _digest(row_id: str) -> int:
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "little")
