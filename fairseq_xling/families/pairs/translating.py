"""Sentence pairs, translated sentence by sentence."""

from collections import Counter
from typing import Iterable, Iterator, List

from fairseq_xling.families.pairs.raw import QUOTED, Row
from fairseq_xling.families.translating import RowTranslator

HEADER = {"first": "premise", "second": "hypothesis"}


class PairTranslator(RowTranslator):
    """Translates both sentences of a pair, which keeps its label.

    A pair of which one comes back empty is kept, so that rows stay paired by their
    numbers.
    """

    ending = "tsv"
    of_empty = "; preprocess them with --skip-empty-rows, or fill them in"

    def texts(self, row: Row) -> List[str]:
        return [row.first, row.second]

    def rebuild(self, row: Row, found: List[str], counts: Counter) -> Row:
        self.count(self.texts(row), found, counts)
        return row._replace(
            first=found[0],
            second=found[1],
            source_first=row.first,
            source_second=row.second,
            is_whole=all(found),
        )

    def lines(self, rows: Iterable[Row]) -> Iterator[str]:
        """XTREME's five columns; of rows with ids, a header and their own columns."""
        columns: List[str] = []
        for row in rows:
            if not columns:
                columns = columns_of(row)
                if "id" in columns:
                    yield "\t".join(HEADER.get(name, name) for name in columns) + "\n"
            yield "\t".join(quote(getattr(row, name)) for name in columns) + "\n"


def columns_of(row: Row) -> List[str]:
    """Which parts of rows are written, as of this one."""
    texts, label = ["first", "second"], ["label"] * (row.label is not None)
    if row.id is not None:
        return ["id", *texts, *label]
    # Without labels, four columns would be read as others.
    sources = ["source_first", "source_second"] if label else []
    return [*sources, *texts, *label]


def quote(field: str) -> str:
    """A field that reads back as it is: quoted, if it looks like a CSV writer's."""
    return '"' + field.replace('"', '""') + '"' if QUOTED.fullmatch(field) else field
