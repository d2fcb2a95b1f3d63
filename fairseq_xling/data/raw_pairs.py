"""Rows of raw sentence-pair files, checked as they are read.

A file is UTF-8, one row a line, columns separated by tabs, without quoting:

* without header, three columns (two where there are no labels): premise, hypothesis,
  label; or five, as XTREME's translations have them: source premise, source hypothesis,
  translated premise, translated hypothesis, label;
* with a header line, columns go by their names in any order: ``premise`` or
  ``sentence1``; ``hypothesis``, ``hypo`` or ``sentence2``; ``label`` or ``gold_label``;
  ``id`` or ``pairID``; ``language``. Other columns are not read.

Rows of two files are paired by their ids where both files have them, else line by line.
"""

from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fairseq_xling.errors import UserError

COLUMN_NAMES = {
    "first": ("premise", "sentence1"),
    "second": ("hypothesis", "hypo", "sentence2"),
    "label": ("gold_label", "label"),
    "id": ("pairID", "id"),
    "lang": ("language",),
}
Columns = Dict[str, int]


class Row(NamedTuple):
    """One row: its texts, and what else its file says of it."""

    first: str
    second: str
    label: Optional[str]
    id: Optional[str]
    line: int
    source_first: Optional[str] = None
    source_second: Optional[str] = None


class Table:
    """A raw file, or the part of it that is in one language.

    Args:
        path: the file.
        labels: the known labels, and other spellings of them.
        lang: read only rows whose ``language`` column says so.
    """

    def __init__(
        self, path: Path, labels: Dict[str, str], lang: Optional[str] = None
    ) -> None:
        self.path = path
        self.labels = labels
        self.lang = lang
        self.columns = self._find_columns()
        self.has_ids = "id" in self.columns
        self.has_labels = "label" in self.columns
        self.has_source = "source_first" in self.columns

    def _find_columns(self) -> Columns:
        first_line = next(self._lines(), None)
        if first_line is None:
            raise UserError(f"{self.path}: is empty; give it rows, or remove it")
        fields = first_line[1].split("\t")
        self.header = self._header_columns(fields)
        if self.header:
            return self.header
        if len(fields) >= 5:
            order = ["source_first", "source_second", "first", "second", "label"]
        else:
            order = ["first", "second", "label"][: max(2, len(fields))]
        return {name: position for position, name in enumerate(order)}

    def _header_columns(self, fields: List[str]) -> Columns:
        columns: Columns = {}
        for meaning, names in COLUMN_NAMES.items():
            for name in names:
                if name in fields:
                    columns.setdefault(meaning, fields.index(name))
        return columns if {"first", "second"} <= columns.keys() else {}

    def _lines(self) -> Iterator[tuple]:
        with open(self.path, "rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(
                        f"{self.path}, line {number}: not UTF-8 (byte "
                        f"{error.start + 1} of the line); convert the file"
                    ) from None
                if number == 1:
                    line = line.lstrip("\ufeff")
                yield number, line.rstrip("\r\n")

    def rows(self) -> Iterator[Row]:
        """Read row by row.

        Raises:
            UserError: a row lacks a column, has an unknown label or an empty sentence,
                or is not UTF-8; the message names file and line.
        """
        lines = self._lines()
        if self.header:
            next(lines)
        columns = self.columns
        width = max(columns.values()) + 1
        for number, line in lines:
            fields = line.split("\t")
            if len(fields) < width:
                raise UserError(
                    f"{self.path}, line {number}: {len(fields)} columns, but "
                    f"{width} are needed ({', '.join(columns)}); complete the row"
                )
            if self.lang is not None and fields[columns["lang"]] != self.lang:
                continue
            values = {name: fields[position] for name, position in columns.items()}
            values.pop("lang", None)
            for name in values:
                if name not in ("label", "id") and not values[name].strip():
                    raise UserError(
                        f"{self.path}, line {number}: empty sentence in column "
                        f"{columns[name] + 1}; fill it in or remove the row"
                    )
            if self.has_labels:
                values["label"] = self._check_label(values["label"].strip(), number)
            yield Row(**{"label": None, "id": None, "line": number, **values})

    def _check_label(self, label: str, number: int) -> str:
        try:
            return self.labels[label]
        except KeyError:
            known = ", ".join(dict.fromkeys(self.labels.values()))
            raise UserError(
                f"{self.path}, line {number}: unknown label {label!r}; the labels are "
                f"{known}"
            ) from None

    def by_id(self) -> Dict[str, Row]:
        """All rows by their ids.

        Raises:
            UserError: an id occurs twice.
        """
        found: Dict[str, Row] = {}
        for row in self.rows():
            if row.id in found:
                raise UserError(
                    f"{self.path}, line {row.line}: id {row.id!r} stands in line "
                    f"{found[row.id].line}, too; ids must differ"
                )
            found[str(row.id)] = row
        return found


def align(
    table: Table, others: Sequence[Optional[Table]], same_labels: bool
) -> Iterator[Tuple[Row, List[Optional[Row]]]]:
    """Read a table together with its rows' counterparts in other tables.

    Args:
        table: the rows to go by.
        others: tables with their translations; None where there is none.
        same_labels: whether counterparts must have the same label.

    Yields:
        a row, and its counterpart in each of ``others``: None where that has no such
        id, or is None itself.

    Raises:
        UserError: without ids, two files have different numbers of rows; or two rows
            disagree on the label.
    """
    finders = [_Finder(table, other, same_labels) for other in others]
    for row in table.rows():
        yield row, [finder.find(row) for finder in finders]
    for finder in finders:
        finder.finish()


class _Finder:
    """Finds the counterparts of a table's rows, in their order."""

    def __init__(self, table: Table, other: Optional[Table], same_labels: bool) -> None:
        self.table = table
        self.other = other
        self.same_labels = same_labels
        self.count = 0
        self.known: Optional[Dict[str, Row]] = None
        self.rest: Iterator[Row] = iter(())
        if other is None:
            self.known = {}
        elif other is not table and table.has_ids and other.has_ids:
            self.known = other.by_id()
        elif other is not table:
            self.rest = other.rows()

    def find(self, row: Row) -> Optional[Row]:
        if self.other is self.table:
            return Row(str(row.source_first), str(row.source_second), None, None, 0)
        if self.known is not None:
            match = self.known.get(str(row.id))
        else:
            match = next(self.rest, None)
            if match is None:
                self._refuse(self.count, sum(1 for _ in self.table.rows()))
            self.count += 1
        if self.same_labels and match is not None:
            self._check_label(row, match)
        return match

    def _check_label(self, row: Row, match: Row) -> None:
        if None not in (row.label, match.label) and row.label != match.label:
            raise UserError(
                f"{self.table.path}, line {row.line}: label {row.label}, but its "
                f"counterpart in {self.other and self.other.path}, line {match.line} "
                f"has {match.label}; the files are out of step"
            )

    def finish(self) -> None:
        surplus = sum(1 for _ in self.rest)
        if surplus:
            self._refuse(self.count + surplus, self.count)

    def _refuse(self, theirs: int, ours: int) -> None:
        raise UserError(
            f"{self.other and self.other.path}: {theirs} rows, but {self.table.path} "
            f"has {ours}; rows without ids are paired line by line, so both files "
            "need the same number"
        )
