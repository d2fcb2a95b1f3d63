"""Rows of any family to streams: for preprocessing, and for the predictor."""

from collections import Counter
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.sequences import Ragged
from fairseq_xling.families.inputs import ANY_PAIR, Names, Text
from fairseq_xling.families.raw import COUNTERPARTS, Aligned, RawSplit

TEXTS = ("input", *COUNTERPARTS)
# Of which a token is an index of the label dictionary.
LABELS = ("label", "tags", "source_tags")
# Positions and characters in a text: more than this says, so that they are 32 bits.
NUMBERS = 1 << 30
LONGEST = "tokens in the longest"

Rows = Mapping[str, Sequence[Any]]
Encoded = Dict[str, Ragged]
Chunk = List[Aligned]


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

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        """Encode rows with their counterparts.

        Args:
            rows: those of ``input``, and of each counterpart that the split has, as
                many, None where a row has none.

        Returns:
            each of them, a sequence a row.
        """
        raise NotImplementedError

    def streams(self, part: RawSplit) -> List[str]:
        raise NotImplementedError

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        """Leave out rows, and counterparts, that lack something.

        Args:
            remarks: counts what is special, by how the log says it.
        """
        raise NotImplementedError

    def kept(self, streams: Encoded, remarks: Counter) -> np.ndarray:
        """Which rows are good for something once they are encoded, bool ``(rows,)``."""
        return np.ones(len(streams["input"].lengths), bool)

    def note(self, rows: List[Any], streams: Encoded, remarks: Counter) -> None:
        """Count what the log says of rows that are written."""
        for name in COUNTERPARTS:
            if name in streams:
                remarks[f"without {name}"] += int((streams[name].lengths == 0).sum())

    def examples(self, part: RawSplit, rows: Sequence[Any]) -> str:
        """What evaluation needs to know of rows beside the streams, a line each."""
        return ""

    def lacking(self, part: Any, remarks: Counter) -> str:
        """What a split has none of, if no row is left; "" where it may be left out."""
        return "rows"

    def symbols(self, stream: str) -> int:
        """How many symbols a stream may have."""
        if stream in TEXTS:
            return len(self.dictionary)
        return len(self.labels) if stream in LABELS else NUMBERS
