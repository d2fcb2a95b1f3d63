"""Raw files and splits of any family, as preprocessing reads them."""

from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from fairseq_xling.data.id_index import IdIndex

# The streams of a row's counterparts, in the order in which rows carry them.
COUNTERPARTS = ("source", "backtranslation")
# The splits that are trained on.
TRAINED = ("train", "supervised")

# A row, and its counterparts; None where there is none.
Aligned = Tuple[Any, List[Any]]


class RawFile:
    """A raw file whose rows can be read in order and looked up by id.

    A row has an ``id`` (None without), the ``line`` where it stands, the ``path`` of
    its file, a ``label`` (None where translation may change it), and ``is_whole``,
    whether it lacks nothing.

    Attributes:
        path: of the file, or of the first of several.
        paths: of all of them.
        has_ids, has_labels: whether its rows have some.
        has_source: whether a row carries its source beside its translation.
        labels_survive_translation: whether a translated row keeps its label: classes
            and answers do, tags do not.
    """

    path: Path
    paths: List[Path]
    has_ids: bool
    has_labels: Any
    has_source = False
    labels_survive_translation = True

    def placed(self) -> Iterator[Tuple[Any, int]]:
        """Read row by row, with the place where :meth:`row_at` finds it.

        Raises:
            UserError: a row is not as it must be; the message names file and line.
        """
        raise NotImplementedError

    def rows(self) -> Iterator[Any]:
        """Read row by row; see :meth:`placed`."""
        for row, _ in self.placed():
            yield row

    def count(self) -> int:
        """About how many rows there are."""
        return sum(1 for _ in self.rows())

    def index(self) -> IdIndex:
        """Where each id's row stands."""
        index = IdIndex()
        for row, place in self.placed():
            index.add(str(row.id), row.line, place)
        self.refuse_repeats(index)
        return index

    def row_at(self, line: int, place: int) -> Any:
        """The row of line ``line`` at a place that the index gave."""
        raise NotImplementedError

    def own_source(self, row: Any) -> Any:
        """The source that a row carries beside its translation."""
        raise NotImplementedError

    def refuse_repeats(self, index: IdIndex) -> None:
        """Finish an index of this file's rows."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what rows were looked up in."""


class RawSplit(NamedTuple):
    """The files of one split in one language."""

    split: str
    lang: str
    input: RawFile
    source: Optional[RawFile] = None
    backtranslation: Optional[RawFile] = None

    @property
    def counterparts(self) -> List[str]:
        """The streams of the counterparts that there are."""
        return [name for name in COUNTERPARTS if getattr(self, name) is not None]
