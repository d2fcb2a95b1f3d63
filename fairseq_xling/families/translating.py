"""What a family's rows say to an engine, and what becomes of its answer."""

from collections import Counter
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from fairseq_xling.files.text_lines import is_blank, one_line

# What is counted of every family's rows.
ROWS, EMPTY, UNCHANGED, DROPPED = "rows", "empty", "unchanged", "dropped"


class RowTranslator:
    """How the rows of a family are translated.

    Args:
        is_trained: whether translations are trained on, so that they need their rows'
            labels.

    Attributes:
        options: what :mod:`argparse` is told of each option of the family's own; they
            are arguments of the class.
        ending: of the files with translations.
        counted: what is counted of rows, in the order of tables.
        of_empty: what the log says of rows that have come back empty.
    """

    options: Dict[str, Dict[str, Any]] = {}
    ending: str
    counted: Sequence[str] = (ROWS, EMPTY, UNCHANGED)
    of_empty = ""

    def __init__(self, is_trained: bool) -> None:
        self.is_trained = is_trained

    def texts(self, row: Any) -> List[str]:
        """What is translated of a row; texts may be blank."""
        raise NotImplementedError

    def parts(self, row: Any) -> List[str]:
        """The texts of a row that its translation has, too, in the same order."""
        return self.texts(row)

    def rebuild(self, row: Any, found: List[str], counts: Counter) -> Optional[Any]:
        """The translated row.

        Args:
            row: as it was read.
            found: translations of :meth:`texts`, in their order; blank where an engine
                gave nothing.
            counts: gets what there is to say of it.

        Returns:
            a row as it will be read from the file, or None where it is dropped.
        """
        raise NotImplementedError

    def lines(self, rows: Iterable[Any]) -> Iterator[str]:
        """The file of translated rows, line by line."""
        raise NotImplementedError

    def count(
        self, texts: Sequence[str], found: Sequence[str], counts: Counter
    ) -> None:
        """Count a row by its own texts.

        It is empty where a text has come back so, and unchanged where all have come
        back as they were.
        """
        pairs = [x for x in zip(map(one_line, texts), found) if not is_blank(x[0])]
        counts[ROWS] += 1
        counts[EMPTY] += any(not new for _, new in pairs)
        counts[UNCHANGED] += bool(pairs) and all(text == new for text, new in pairs)


class Verbatim(Dict[str, str]):
    """Known labels where any is: each is taken as it is written."""

    def __contains__(self, label: object) -> bool:
        return True

    def __missing__(self, label: str) -> str:
        return label
