"""A raw file read together with its translations, row by row."""

from typing import Any, Iterator, Optional, Sequence

from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.errors import UserError
from fairseq_xling.families.raw import Aligned, RawFile


def align(
    table: RawFile, others: Sequence[Optional[RawFile]], same_labels: bool
) -> Iterator[Aligned]:
    """Read a table together with its rows' counterparts in other tables.

    Args:
        others: tables with their translations; None where there is none.
        same_labels: whether counterparts must have the same label.

    Yields:
        a row, and its counterpart in each of ``others``: None where that has no such
        id, lacks a sentence, or is None itself.

    Raises:
        UserError: without ids, two files have different numbers of rows; with ids,
            one occurs twice or none has a counterpart; or two rows disagree on the
            label.
    """
    finders = [_Finder(table, other, same_labels) for other in others]
    seen = IdIndex()
    for row in table.rows():
        if row.id is not None:
            seen.add(row.id, row.line, 0)
        yield row, [finder.find(row) for finder in finders]
    table.refuse_repeats(seen)
    for finder in finders:
        finder.finish()


class _Finder:
    """Finds the counterparts of a table's rows, in their order."""

    def __init__(
        self, table: RawFile, other: Optional[RawFile], same_labels: bool
    ) -> None:
        self.table = table
        self.other = other
        self.same_labels = same_labels
        self.count = 0
        self.matches = 0
        self.known: Optional[IdIndex] = None
        self.rest: Iterator[Any] = iter(())
        if other is None or other is table:
            return
        if table.has_ids and other.has_ids:
            self.known = other.index()
        else:
            self.rest = other.rows()

    def find(self, row: Any) -> Any:
        if self.other is None:
            return None
        if self.other is self.table:
            return self.table.own_source(row)
        if self.known is not None:
            found = self.known.find(str(row.id))
            match = None if found is None else self.other.row_at(*found)
            if match is not None and match.id != row.id:
                match = None
        else:
            match = next(self.rest, None)
            if match is None:
                self._refuse(self.count, sum(1 for _ in self.table.rows()))
        self.count += 1
        self.matches += match is not None
        if match is None or not match.is_whole:
            return None
        if self.same_labels:
            self._check_label(row, match)
        return match

    def _check_label(self, row: Any, match: Any) -> None:
        if None not in (row.label, match.label) and row.label != match.label:
            raise UserError(
                f"{self.table.path}, line {row.line}: label {row.label}, but its "
                f"counterpart in {self.other and self.other.path}, line {match.line} "
                f"has {match.label}; the files are out of step"
            )

    def finish(self) -> None:
        if self.known is not None and self.other is not None:
            self.other.close()
            if self.count and not self.matches:
                raise UserError(
                    f"{self.other.path}: none of the ids of {self.table.path} are in "
                    "it; give translated rows their row's id"
                )
        surplus = sum(1 for _ in self.rest)
        if surplus:
            self._refuse(self.count + surplus, self.count)

    def _refuse(self, theirs: int, ours: int) -> None:
        raise UserError(
            f"{self.other and self.other.path}: {theirs} rows, but {self.table.path} "
            f"has {ours}; rows without ids are paired one by one, so both files "
            "need the same number"
        )
