"""What people hand to a model from Python, brought to token sequences."""

from typing import Any, List, Mapping, NamedTuple, Optional, Type

import numpy as np
import torch
from fairseq.data import Dictionary

from fairseq_xling.data.sequences import Ragged
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import RowEncoder
from fairseq_xling.families.inputs import Text, check_texts, parse_pair
from fairseq_xling.families.tagging.encode import parse_words


class TokenizedText(NamedTuple):
    """A text's tokens.

    Attributes:
        tokens: indices in the dictionary, specials included, ``(len,)``.
        word_starts: of a list of words, the position of each word's first token,
            ``(words,)``; else None.
    """

    tokens: np.ndarray
    word_starts: Optional[np.ndarray] = None


class ArrayStream:
    """Token sequences in memory, read as fairseq's memory-mapped ones are."""

    def __init__(self, sequences: Ragged) -> None:
        self.sequences = sequences.split()
        self.values, self.sizes = sequences

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(self.sequences[row])


class TextReader:
    """Turns texts into tokens.

    Args:
        tokenizer: path of the tokenizer's file.
        dictionary: the model's.
        encoder: the family's; as it stands, for a model without head.

    Raises:
        UserError: the tokenizer cannot be read, or the dictionary is not its own.
    """

    def __init__(
        self,
        tokenizer: str,
        dictionary: Dictionary,
        encoder: Type[RowEncoder] = RowEncoder,
    ) -> None:
        self.dictionary = dictionary
        self.encoder = encoder(tokenizer, dictionary)

    def streams(self, rows: List[Any], others: List[Any], lang: str) -> Streams:
        """What the encoder parsed, and its sources, None where there is none."""
        encoder = self.encoder
        found = encoder.encode({"input": rows, "source": others}, encoder.in_memory)
        return Streams(lang, **{x: ArrayStream(one) for x, one in found.items()})

    def tokenize(self, text: Text, where: str) -> TokenizedText:
        """Tokens of a sentence, of two texts or of a list of words.

        A model with a head takes what it predicts; one for pairs takes a sentence,
        too. Without a head a tuple is two texts, another sequence words.

        Raises:
            UserError: the text is none of these; the message says ``where``.
        """
        form = self._form(text)
        if form == "pair":
            pair = parse_pair(text, self.encoder.text_names, where)
            return TokenizedText(self.encoder.pairs([pair]).values)
        if form == "words":
            tokens, starts = self.encoder.words([parse_words(text, where)])
            return TokenizedText(tokens.values, starts.values)
        sentence = text["text"] if isinstance(text, Mapping) else text
        texts = check_texts([sentence], where, "the text")
        return TokenizedText(self.encoder.sentences(texts).values)

    def _form(self, text: Any) -> str:
        """Whether a text is a ``"sentence"``, a ``"pair"`` or ``"words"``."""
        if isinstance(text, Mapping):
            if "words" in text:
                return "words"
            if "text" not in text:
                return "pair"
            text = text["text"]
        if self.encoder.form == "words":
            return "words"
        if isinstance(text, str):
            return "sentence"
        return self.encoder.form or ("pair" if isinstance(text, tuple) else "words")


def as_list(given: Any, name: str) -> List[Any]:
    """Refuse a single text where several are wanted."""
    if isinstance(given, (str, Mapping)):
        raise UserError(f"{name}: give a list of them, even of a single one")
    return list(given)
