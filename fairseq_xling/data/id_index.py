"""Where in a file the row with a given id stands, in a few bytes a row."""

from array import array
from hashlib import blake2b
from pathlib import Path
from typing import IO, Optional, Tuple

import numpy as np


class IdIndex:
    """Finds lines of a file by id; memory grows by 40 bytes a row.

    Ids are kept as 64-bit digests. Two ids of one file share theirs by chance in about
    one file in thirty million of a million rows; that would be taken for a repeat.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: Optional[IO[bytes]] = None
        self.digests = array("Q")
        self.lines = array("q")
        self.places = array("q")
        self.order = np.zeros(0, np.int64)
        self.sorted = np.zeros(0, np.uint64)

    def add(self, row_id: str, line: int, place: int) -> None:
        """Note that a row stands in line ``line``, ``place`` bytes into the file."""
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

    def find(self, row_id: str) -> Optional[Tuple[int, bytes]]:
        """Number and bytes of the line that has an id by its digest, or None."""
        digest = np.uint64(_digest(row_id))
        position = int(np.searchsorted(self.sorted, digest))
        if position == len(self.sorted) or self.sorted[position] != digest:
            return None
        row = int(self.order[position])
        if self.file is None:
            self.file = open(self.path, "rb")
        self.file.seek(self.places[row])
        return self.lines[row], self.file.readline()

    def close(self) -> None:
        """Close the file, if any row was looked up."""
        if self.file is not None:
            self.file.close()
            self.file = None


def _digest(row_id: str) -> int:
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "little")
