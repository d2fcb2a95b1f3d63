"""Sentences of words to streams, with the place where each word begins."""

from collections import Counter
from pathlib import Path
from typing import Any, List, Mapping, Sequence

import numpy as np

from fairseq_xling.data.sequences import Ragged
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import LONGEST, Chunk, Encoded, RowEncoder, Rows
from fairseq_xling.families.inputs import Text, check_texts
from fairseq_xling.families.raw import RawSplit
from fairseq_xling.families.tagging.raw import WITHHELD, TaggedSentence, split_words

WITHHELD_ROWS = f"with withheld words ({WITHHELD}), left out"


class WordEncoder(RowEncoder):
    """Encodes sentences, every word by itself, and their words' tags."""

    form = "words"
    in_memory = ("input", "word_starts", "source")

    def parse(self, text: Text, where: str) -> TaggedSentence:
        return TaggedSentence(parse_words(text, where), None, None, 1, Path(where))

    def streams(self, part: RawSplit) -> List[str]:
        names = ["input", "word_starts"] + ["tags"] * part.input.has_labels
        for name in part.counterparts:
            names.append(name)
            # A source is trained on, too, where it has tags; its words are marked.
            if name == "source" and part.split == "train" and part.source.has_labels:  # type: ignore[union-attr]
                names += ["source_word_starts", "source_tags"]
        return names

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        """Leave out sentences that have no words, or none that can be read."""
        chunk = [(row, others) for row, others in aligned if row.is_whole]
        remarks["without a translation, left out"] += sum(
            not row.words for row, _ in aligned
        )
        remarks[WITHHELD_ROWS] += sum(row.is_withheld for row, _ in aligned)
        for group in zip(*[[row, *others] for row, others in chunk]):
            for row in group:
                if row and all(map(self.is_blank, row.words)):
                    raise UserError(
                        f"{row.path}, line {row.line}: no word of this sentence has a "
                        "visible character; give it words, or remove it (of running "
                        "text empty the line)"
                    )
        return chunk

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        found = {}
        for name, group in rows.items():
            prefix = "" if name == "input" else f"{name}_"
            found[name], starts = self.words([row and row.words for row in group])
            found[f"{prefix}word_starts"] = starts
            if f"{prefix}tags" in names:
                tags = [tag for row in group if row is not None for tag in row.tags]
                ids = np.array([self.labels.index(tag) for tag in tags], np.int64)
                found[f"{prefix}tags"] = Ragged(ids, starts.lengths)
        return {name: found[name] for name in names}

    def note(self, rows: List[Any], streams: Encoded, remarks: Counter) -> None:
        remarks["words"] += int(streams["word_starts"].lengths.sum())
        super().note(rows, streams, remarks)
        lengths = streams["input"].lengths
        remarks[LONGEST] = max(remarks[LONGEST], int(lengths.max(initial=0)))

    def lacking(self, part: Any, remarks: Counter) -> str:
        if not remarks[WITHHELD_ROWS]:
            return "rows"
        # Without a set for training nothing goes on; there may be other languages.
        return f"words, all are withheld ({WITHHELD})" * (part.split == "train")


def parse_words(text: Text, where: str) -> List[str]:
    """The words of a sentence, or of a list of words.

    Raises:
        UserError: there are none, or they are not texts.
    """
    words: Any = text
    if isinstance(text, Mapping):
        words = text.get("words", text.get("text"))
    if isinstance(words, str):
        words = split_words(words)
    if not isinstance(words, (Sequence, np.ndarray)) or not len(words):
        raise UserError(f"{where}: no words; give a sentence, or a list of words")
    return check_texts(words, where, "words")
