"""Rows of raw sentence-pair files, checked as they are read.

A file is UTF-8, one row a line, columns separated by tabs:

* without header, three columns (two where there are no labels): premise, hypothesis,
  label; or five, as XTREME's translations have them: source premise, source hypothesis,
  translated premise, translated hypothesis, label;
* with a header line, columns go by their names in any order: ``premise`` or
  ``sentence1``; ``hypothesis``, ``hypo`` or ``sentence2``; ``label`` or ``gold_label``;
  ``id`` or ``pairID``; ``language``. Other columns are not read.

Quotation marks are part of the text, except where a CSV writer has put a whole field
in them and doubled those inside, as XTREME's own download script does.

Rows of two files are paired by their ids where both files have them, else line by line.
"""

import re
from pathlib import Path
from typing import IO, Dict, Iterator, List, NamedTuple, Optional, Tuple

from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.data.labels import find_label
from fairseq_xling.errors import UserError
from fairseq_xling.families.raw import RawFile
from fairseq_xling.files.text_lines import decode_line, open_lines

COLUMN_NAMES = {
    "first": ("premise", "sentence1"),
    "second": ("hypothesis", "hypo", "sentence2"),
    "label": ("gold_label", "label"),
    "id": ("pairid", "id"),
    "lang": ("language",),
}
# A field is taken for quoted only if a mark inside is doubled: without any inside, a
# CSV writer would not have quoted it.
QUOTED = re.compile(r'"(?=[^"]*"")((?:[^"]|"")*)"')
TEXTS = ("first", "second", "source_first", "source_second")
Columns = Dict[str, int]


class Row(NamedTuple):
    """One row: its texts, and what else its file says of it."""

    first: str
    second: str
    label: Optional[str]
    id: Optional[str]
    line: int
    path: Path
    source_first: Optional[str] = None
    source_second: Optional[str] = None
    is_whole: bool = True


class Table(RawFile):
    """A raw file, or the part of it that is in one language.

    Args:
        labels: the known labels, and other spellings of them.
        lang: read only rows whose ``language`` column says so.
        allow_empty: whether a row may lack a sentence; its ``is_whole`` is then False.
    """

    def __init__(
        self,
        path: Path,
        labels: Dict[str, str],
        lang: Optional[str] = None,
        allow_empty: bool = False,
    ) -> None:
        self.path, self.paths = path, [path]
        self.labels = labels
        self.lang = lang
        self.allow_empty = allow_empty
        self.file: Optional[IO[bytes]] = None
        self.columns = self._find_columns()
        self.has_ids = "id" in self.columns
        self.has_labels = "label" in self.columns
        self.has_source = "source_first" in self.columns

    def _find_columns(self) -> Columns:
        first_line = next(self._lines(), None)
        if first_line is None:
            raise UserError(f"{self.path}: is empty; give it rows, or remove it")
        fields = decode_line(self.path, *first_line[:2]).split("\t")
        if len(fields) == 1:
            self._refuse_format(fields[0])
        self.width = len(fields)
        self.header = self._header_columns([field.strip().lower() for field in fields])
        if self.header:
            return self.header
        if len(fields) >= 5:
            order = ["source_first", "source_second", "first", "second", "label"]
        else:
            order = ["first", "second", "label"][: max(2, len(fields))]
        return {name: position for position, name in enumerate(order)}

    def _refuse_format(self, line: str) -> None:
        """Say what to do about a file whose first line has no tab."""
        found = "JSON lines" if line.lstrip().startswith("{") else ""
        if not found and line.count(",") + line.count(";") > 0:
            found = "CSV"
        if found:
            raise UserError(
                f"{self.path}, line 1: no tab, so this may be {found}; write premise, "
                "hypothesis and label into a line each, with tabs between them"
            )

    def _header_columns(self, fields: List[str]) -> Columns:
        columns: Columns = {}
        for meaning, names in COLUMN_NAMES.items():
            for name in names:
                if name in fields:
                    columns.setdefault(meaning, fields.index(name))
        return columns if {"first", "second"} <= columns.keys() else {}

    def _lines(self) -> Iterator[Tuple[int, bytes, int]]:
        """Number, bytes and place in the file of each line."""
        place = 0
        with open_lines(self.path) as file:
            for number, raw in enumerate(file, 1):
                yield number, raw, place
                place += len(raw)

    def placed(self) -> Iterator[Tuple[Row, int]]:
        lines = self._lines()
        if self.header:
            next(lines)
        for number, raw, place in lines:
            row = self.parse(number, raw)
            if row is not None:
                yield row, place

    def count(self) -> int:
        """How many lines there are, in any language."""
        return sum(1 for _ in self._lines()) - bool(self.header)

    def parse(self, number: int, raw: bytes) -> Optional[Row]:
        """Check and split one line; None if it is in another language."""
        columns = self.columns
        line = decode_line(self.path, number, raw)
        fields = line.split("\t")
        self._check_width(fields, number)
        if self.lang is not None and fields[columns["lang"]].strip() != self.lang:
            return None
        if '"' in line:
            fields = [unquote(field) for field in fields]
        values = {name: fields[position] for name, position in columns.items()}
        is_whole = True
        for name in TEXTS:
            if name in values and not values[name].strip():
                is_whole = False
                if not self.allow_empty:
                    raise UserError(
                        f"{self.path}, line {number}: empty sentence in column "
                        f"{columns[name] + 1}; fill it in, or leave such rows out with "
                        "--skip-empty-rows"
                    )
        label = values.get("label")
        return Row(
            first=values["first"],
            second=values["second"],
            label=None if label is None else self._check_label(label.strip(), number),
            id=values.get("id"),
            line=number,
            path=self.path,
            source_first=values.get("source_first"),
            source_second=values.get("source_second"),
            is_whole=is_whole,
        )

    def _check_width(self, fields: List[str], number: int) -> None:
        needed = max(self.columns.values()) + 1
        if len(fields) < needed:
            raise UserError(
                f"{self.path}, line {number}: {len(fields)} columns, but {needed} are "
                f"needed ({', '.join(self.columns)}); complete the row"
            )
        is_ours = not self.header or len(self.header) == self.width
        if is_ours and len(fields) > self.width:
            raise UserError(
                f"{self.path}, line {number}: {len(fields)} columns, but line 1 has "
                f"{self.width}; remove the surplus tab"
            )

    def _check_label(self, label: str, number: int) -> str:
        found = find_label(label, self.labels)
        if found is None:
            known = ", ".join(dict.fromkeys(self.labels.values()))
            raise UserError(
                f"{self.path}, line {number}: unknown label {label!r}; the labels are "
                f"{known}"
            )
        self.labels[label] = found
        return found

    def row_at(self, line: int, place: int) -> Optional[Row]:
        if self.file is None:
            self.file = open_lines(self.path)
        self.file.seek(place)
        return self.parse(line, self.file.readline())

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None

    def own_source(self, row: Row) -> Row:
        texts = str(row.source_first), str(row.source_second)
        return Row(*texts, None, None, row.line, row.path)

    def refuse_repeats(self, index: IdIndex) -> None:
        repeat = index.finish()
        if repeat is not None:
            line, before = repeat
            row = next(row for row in self.rows() if row.line == line)
            raise UserError(
                f"{self.path}, line {line}: id {row.id!r} stands in line {before}, "
                "too; ids must differ"
            )


def unquote(field: str) -> str:
    """Undo the quoting of a CSV writer, if the field has it."""
    match = QUOTED.fullmatch(field)
    return match.group(1).replace('""', '"') if match else field
