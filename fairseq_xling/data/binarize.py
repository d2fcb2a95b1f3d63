"""Text to token ids in fairseq's memory-mapped format, in one streaming pass."""

import logging
from typing import List, Optional, Sequence, Tuple

import numpy as np
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset, best_fitting_int_dtype

from fairseq_xling.data.tokenizers import SEPARATORS, open_tokenizer, piece_table
from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

# A dictionary that lacks more of the model's pieces than this belongs to another one.
MOST_MISSING = 0.5


class TextEncoder:
    """Encodes text to the ids of a fairseq dictionary.

    Args:
        tokenizer: path of a SentencePiece model, or of a ``tokenizer.json``.
        dictionary: fairseq dictionary of its pieces.
        threads: how many sentences are encoded at once.

    Raises:
        UserError: the tokenizer cannot be read, or the dictionary is not its own.
    """

    def __init__(
        self, tokenizer: str, dictionary: Dictionary, threads: int = 1
    ) -> None:
        self.tokenizer = open_tokenizer(tokenizer, threads)
        self.separators = SEPARATORS[self.tokenizer.kind]
        self.dictionary = dictionary
        self.table = piece_table(self.tokenizer, dictionary)
        missing = float((self.table == dictionary.unk()).mean())
        if missing > MOST_MISSING:
            raise UserError(
                f"{tokenizer}: {missing:.0%} of its pieces are not in the "
                "dictionary; give the dict.txt that comes with this model"
            )
        self.tokens = 0
        self.unknown = 0

    def encode_texts(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Encode texts, without special symbols.

        Returns:
            all tokens, concatenated, and the number of each text's, ``(len(texts),)``.
        """
        flat, counts = self.tokenizer.encode(texts)
        return self.look_up(flat), counts

    def is_blank(self, text: str) -> bool:
        """Whether the tokenizer leaves nothing of a text, as of zero-width spaces."""
        has_letters = any(character.isalnum() for character in text)
        return not has_letters and not self.tokenizer.tokenize(text)

    def look_up(self, ids: np.ndarray) -> np.ndarray:
        """The dictionary's ids of the tokenizer's; the unknown are counted."""
        tokens = self.table[ids]
        self.tokens += len(tokens)
        self.unknown += int((tokens == self.dictionary.unk()).sum())
        return tokens

    def surround(
        self, tokens: np.ndarray, counts: np.ndarray, before: int
    ) -> np.ndarray:
        """Put ``before`` specials before and one behind every text, all ``</s>``.

        Args:
            tokens: all texts' tokens, concatenated.
            counts: number of tokens of each text.
            before: 0 or 1.
        """
        added = before + 1
        out = np.full(
            len(tokens) + added * len(counts), self.dictionary.eos(), np.int64
        )
        shifts = np.repeat(added * np.arange(len(counts)) + before, counts)
        out[np.arange(len(tokens)) + shifts] = tokens
        return out


class LineEncoder(TextEncoder):
    """Encodes lines as ``a </s>``, as fairseq's language models have them."""

    def encode(self, lines: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Encode lines.

        Returns:
            all tokens, concatenated, and the length of each line, ``(len(lines),)``.
        """
        tokens, counts = self.encode_texts(lines)
        return self.surround(tokens, counts, before=0), counts + 1


class PairEncoder(TextEncoder):
    """Encodes sentence pairs.

    For SentencePiece as ``<s> a </s> </s> b </s>``, as RoBERTa has them; for WordPiece
    as ``<s> a </s> b </s>``, as BERT has.
    """

    def encode(
        self, pairs: Sequence[Optional[Sequence[str]]]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Encode pairs; None gives an empty sequence.

        Returns:
            all tokens, concatenated, and the length of each pair, ``(len(pairs),)``.
        """
        texts = [text for pair in pairs if pair is not None for text in pair]
        tokens, counts = self.encode_texts(texts)
        # Before a second text stands what separates it from the first one's </s>.
        before = np.ones(len(counts), np.int64)
        before[1::2] = self.separators - 1
        bodies = np.cumsum(counts + before + 1) - (counts + 1)
        out = np.full(int((counts + before + 1).sum()), self.dictionary.eos(), np.int64)
        places = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
        out[places + np.repeat(bodies, counts)] = tokens
        out[bodies[::2] - 1] = self.dictionary.bos()
        present = np.array([pair is not None for pair in pairs], dtype=bool)
        lengths = np.zeros(len(pairs), np.int64)
        lengths[present] = (counts + before + 1).reshape(-1, 2).sum(axis=1)
        return out, lengths


class StreamWriter:
    """Writes one stream; memory grows by eight bytes a row.

    Args:
        prefix: path without ``.bin`` and ``.idx``.
        vocabulary: number of symbols, which sets the integer type as fairseq does.
    """

    def __init__(self, prefix: str, vocabulary: int) -> None:
        self.prefix = prefix
        self.dtype = best_fitting_int_dtype(vocabulary)
        self.file = open(f"{prefix}.bin", "wb")
        self.lengths: List[np.ndarray] = []

    def write(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sequences: their concatenated tokens, and the length of each."""
        self.file.write(tokens.astype(self.dtype).tobytes())
        self.lengths.append(lengths)

    def close(self) -> None:
        """Write the index."""
        self.file.close()
        sizes = np.concatenate(self.lengths) if self.lengths else np.zeros(0, np.int64)
        with MMapIndexedDataset.Index.writer(f"{self.prefix}.idx", self.dtype) as index:
            index.write(sizes)
