"""Text to token ids in fairseq's memory-mapped format, in one streaming pass."""

import itertools
import logging
from typing import List, Optional, Sequence, Tuple

import numpy as np
import sentencepiece
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset, best_fitting_int_dtype

from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

# A dictionary that lacks more of the model's pieces than this belongs to another one.
MOST_MISSING = 0.5


class TextEncoder:
    """Encodes text with SentencePiece, to the ids of a fairseq dictionary.

    Args:
        sentencepiece_model: path of the model.
        dictionary: fairseq dictionary of its pieces.
        threads: how many sentences are encoded at once.

    Raises:
        UserError: the model cannot be read, or the dictionary is not its own.
    """

    def __init__(
        self, sentencepiece_model: str, dictionary: Dictionary, threads: int = 1
    ) -> None:
        try:
            self.processor = sentencepiece.SentencePieceProcessor(sentencepiece_model)
        except (OSError, RuntimeError):
            raise UserError(
                f"{sentencepiece_model}: not a SentencePiece model; give the "
                "sentencepiece.bpe.model that comes with the checkpoint"
            ) from None
        self.dictionary = dictionary
        self.threads = threads
        pieces = [
            self.processor.id_to_piece(i)
            for i in range(self.processor.get_piece_size())
        ]
        self.table = np.array([dictionary.index(piece) for piece in pieces])
        missing = float((self.table == dictionary.unk()).mean())
        if missing > MOST_MISSING:
            raise UserError(
                f"{sentencepiece_model}: {missing:.0%} of its pieces are not in the "
                "dictionary; give the dict.txt that comes with this model"
            )
        self.tokens = 0
        self.unknown = 0

    def encode_texts(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Encode texts, without special symbols.

        Returns:
            all tokens, concatenated, and the number of each text's, ``(len(texts),)``.
        """
        ids = self.processor.encode(list(texts), out_type=int, num_threads=self.threads)
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        total = int(counts.sum())
        flat = np.fromiter(itertools.chain.from_iterable(ids), np.int64, total)
        mapped = self.table[flat]
        self.tokens += total
        self.unknown += int((mapped == self.dictionary.unk()).sum())
        return mapped, counts

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
    """Encodes sentence pairs as ``<s> a </s> </s> b </s>``, as RoBERTa has them."""

    def encode(
        self, pairs: Sequence[Optional[Sequence[str]]]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Encode pairs; None gives an empty sequence.

        Returns:
            all tokens, concatenated, and the length of each pair, ``(len(pairs),)``.
        """
        texts = [text for pair in pairs if pair is not None for text in pair]
        tokens, counts = self.encode_texts(texts)
        out = self.surround(tokens, counts, before=1)
        starts = np.cumsum(counts + 2) - (counts + 2)
        out[starts[::2]] = self.dictionary.bos()
        present = np.array([pair is not None for pair in pairs], dtype=bool)
        lengths = np.zeros(len(pairs), np.int64)
        lengths[present] = counts.reshape(-1, 2).sum(axis=1) + 4
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
