"""What preprocessing and the predictor ask of a family: its rows, and their streams."""

from collections import Counter
from pathlib import Path
from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Type,
)

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.data.sequences import Ragged
from fairseq_xling.errors import UserError
from fairseq_xling.families.inputs import ANY_PAIR, Names, Text

# The streams of a row's counterparts, in the order in which rows carry them.
COUNTERPARTS = ("source", "backtranslation")
TEXTS = ("input", *COUNTERPARTS)
# Of which a token is an index of the label dictionary.
LABELS = ("label", "tags", "source_tags")
# Positions and characters in a text: more than this says, so that they are 32 bits.
NUMBERS = 1 << 30
# The splits that are trained on.
TRAINED = ("train", "supervised")
LONGEST = "tokens in the longest"

# A row, and its counterparts; None where there is none.
Aligned = Tuple[Any, List[Any]]


class RawRow(Protocol):
    """What pairing needs to know of a row, whatever it holds."""

    @property
    def id(self) -> Optional[str]: ...

    @property
    def line(self) -> int: ...

    @property
    def label(self) -> Optional[str]: ...

    @property
    def is_whole(self) -> bool: ...


class RawFile(Protocol):
    """A raw file whose rows can be read in order and looked up by id."""

    path: Path
    has_ids: bool
    has_source: bool
    # Whether a translated row keeps its label: classes and answers do, tags do not.
    labels_survive_translation: bool

    @property
    def has_labels(self) -> bool: ...

    def rows(self) -> Iterator[Any]: ...

    def index(self) -> IdIndex: ...

    def row_at(self, line: int, place: int) -> Any: ...

    def own_source(self, row: Any) -> Any: ...

    def refuse_repeats(self, index: IdIndex) -> None: ...

    def close(self) -> None: ...


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


class RowEncoder(TextEncoder):
    """Encodes a family's rows to its streams, those of files and of memory alike.

    As it is, it reads texts for a model without head, which belongs to no family.

    Attributes:
        labels: the dictionary of labels; empty until it is set.
        form: what a row's text is: ``"pair"``, ``"words"``, or None for any.
        text_names: what the two texts of a pair may be called.
        in_memory: the streams of rows that are predicted.
    """

    form: Optional[str] = None
    text_names: Names = ANY_PAIR
    in_memory: Sequence[str] = ()

    def __init__(
        self, tokenizer: str, dictionary: Dictionary, threads: int = 1
    ) -> None:
        super().__init__(tokenizer, dictionary, threads)
        self.labels = Dictionary()

    def parse(self, text: Text, where: str) -> Any:
        """Make a row of what somebody handed in.

        Raises:
            UserError: it is not of the family's form; the message says ``where``.
        """
        raise NotImplementedError

    def encode(
        self, rows: Mapping[str, Sequence[Any]], names: Sequence[str]
    ) -> Dict[str, Ragged]:
        """Encode rows with their counterparts.

        Args:
            rows: those of ``input``, and of each counterpart that the split has, as
                many, None where a row has none.
            names: the streams that the split has.

        Returns:
            each of them, a sequence a row.
        """
        raise NotImplementedError

    def streams(self, part: RawSplit) -> List[str]:
        """The streams that a split has."""
        raise NotImplementedError

    def whole(
        self, part: RawSplit, aligned: List[Aligned], remarks: Counter
    ) -> List[Aligned]:
        """Leave out rows, and counterparts, that lack something.

        Args:
            part: where they are from.
            aligned: the rows.
            remarks: counts what is special, by how the log says it.

        Raises:
            UserError: such rows are refused.
        """
        raise NotImplementedError

    def kept(self, streams: Dict[str, Ragged], remarks: Counter) -> np.ndarray:
        """Which rows are good for something once they are encoded, bool ``(rows,)``."""
        return np.ones(len(streams["input"].lengths), bool)

    def note(
        self, rows: Sequence[Any], streams: Dict[str, Ragged], remarks: Counter
    ) -> None:
        """Count what the log says of rows that are written."""
        for name in COUNTERPARTS:
            if name in streams:
                remarks[f"without {name}"] += int((streams[name].lengths == 0).sum())

    def note_longest(self, tokens: Ragged, remarks: Counter) -> None:
        """Keep the length of the longest sequence."""
        longest = int(tokens.lengths.max(initial=0))
        remarks[LONGEST] = max(remarks[LONGEST], longest)

    def examples(self, part: RawSplit, rows: Sequence[Any]) -> str:
        """What evaluation needs to know of rows beside the streams, a line each."""
        return ""

    def refuse_nothing(self, part: RawSplit, remarks: Counter) -> None:
        """Refuse a split of which no row is left, unless it may be left out.

        Raises:
            UserError: it may not.
        """
        self.refuse_lack(part, "rows")

    def refuse_lack(self, part: RawSplit, what: str) -> None:
        """Refuse a split that has no ``what``.

        Raises:
            UserError: always.
        """
        raise UserError(f"{part.input.path}: has no {what}; give it some, or remove it")

    def symbols(self, stream: str) -> int:
        """How many symbols a stream may have."""
        if stream in TEXTS:
            return len(self.dictionary)
        return len(self.labels) if stream in LABELS else NUMBERS


class RawFiles:
    """How the files of a family are opened.

    Attributes:
        options: what :mod:`argparse` is told of each option of the family's own, with
            ``{labels}`` for the benchmark's; they are arguments of the class.
        encoder: the family's.
        labels: in the order of their ids.
        pair_source: see :class:`fairseq_xling.preprocessing.raw_layout.RawLayout`.
    """

    options: Dict[str, Dict[str, Any]] = {}
    encoder: Type[RowEncoder]
    labels: Sequence[str] = ()
    pair_source: Optional[bool] = None

    def open(self, paths: List[Path], lang: Optional[str]) -> RawFile:
        """Open the files of one place.

        Args:
            paths: the files.
            lang: the language to select where they hold several.
        """
        raise NotImplementedError

    def languages_in(self, path: Path) -> FrozenSet[str]:
        """The languages of a file that holds several; empty for another."""
        return frozenset()

    def finish(self, folder: Path, splits: List[RawSplit]) -> List[RawSplit]:
        """Look at the splits that were found in a folder, and change them.

        Raises:
            UserError: they cannot be used.
        """
        return splits
