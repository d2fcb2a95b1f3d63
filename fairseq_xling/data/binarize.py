"""Text to token ids in fairseq's memory-mapped format, in one streaming pass."""

import itertools
import logging
from typing import List, Optional, Sequence

import numpy as np
import sentencepiece
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset, best_fitting_int_dtype

from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

# A dictionary that lacks more of the model's pieces than this belongs to another one.
MOST_MISSING = 0.5


class PairEncoder:
    """Encodes sentence pairs as ``<s> a </s> </s> b </s>`` with SentencePiece.

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

    def encode(
        self, pairs: Sequence[Optional[Sequence[str]]]
    ) -> "tuple[np.ndarray, np.ndarray]":
        """Encode pairs; None gives an empty sequence.

        Returns:
            all tokens, concatenated, and the length of each pair, ``(len(pairs),)``.
        """
        kept = [pair for pair in pairs if pair is not None]
        texts = [text for pair in kept for text in pair]
        ids = self.processor.encode(texts, out_type=int, num_threads=self.threads)
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(
            itertools.chain.from_iterable(ids), np.int64, int(counts.sum())
        )
        mapped = self.table[flat]
        self.tokens += len(mapped)
        self.unknown += int((mapped == self.dictionary.unk()).sum())
        present = np.array([pair is not None for pair in pairs], dtype=bool)
        lengths = np.zeros(len(pairs), np.int64)
        lengths[present] = counts.reshape(-1, 2).sum(axis=1) + 4
        return self._add_specials(mapped, counts), lengths

    def _add_specials(self, mapped: np.ndarray, counts: np.ndarray) -> np.ndarray:
        bos, eos = self.dictionary.bos(), self.dictionary.eos()
        # Each sentence has a special before it and behind it: <s> a </s>, </s> b </s>.
        tokens = np.full(len(mapped) + 2 * len(counts), eos, np.int64)
        starts = np.cumsum(counts + 2) - (counts + 2)
        tokens[starts[::2]] = bos
        before = np.repeat(2 * np.arange(len(counts)) + 1, counts)
        inside = np.arange(len(mapped)) + before
        tokens[inside] = mapped
        return tokens


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
