"""Text to token ids in fairseq's memory-mapped format, in one streaming pass."""

from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset, best_fitting_int_dtype

from fairseq_xling.data import sequences
from fairseq_xling.data.manifest import stream_prefix
from fairseq_xling.data.sequences import Ragged
from fairseq_xling.data.tokenizers import (
    SEPARATORS,
    SentencePieceTokenizer,
    Tokenizer,
    open_tokenizer,
    piece_table,
)
from fairseq_xling.errors import UserError

# A dictionary that lacks more of the model's pieces than this belongs to another one.
MOST_MISSING = 0.5


class TextEncoder:
    """Encodes text to the ids of a fairseq dictionary.

    Args:
        tokenizer: opened, or the path of a SentencePiece model or ``tokenizer.json``.
        threads: how many sentences are encoded at once; where there are many, by as
            many ``processes``.

    Raises:
        UserError: the tokenizer cannot be read, or the dictionary is not its own.
    """

    def __init__(
        self,
        tokenizer: Union[str, Tokenizer],
        dictionary: Dictionary,
        threads: int = 1,
    ) -> None:
        if isinstance(tokenizer, str):
            name, self.tokenizer = tokenizer, open_tokenizer(tokenizer, threads)
        else:
            name, self.tokenizer = tokenizer.file_name, tokenizer
        self.processes = threads
        self.separators = SEPARATORS[self.tokenizer.kind]
        self.dictionary = dictionary
        self.specials = dictionary.bos(), dictionary.eos()
        self.table = piece_table(self.tokenizer, dictionary)
        missing = float((self.table == dictionary.unk()).mean())
        if missing > MOST_MISSING:
            raise UserError(
                f"{name}: {missing:.0%} of its pieces are not in the "
                "dictionary; give the dict.txt that comes with this model"
            )
        self.tokens = 0
        self.unknown = 0

    def be_single(self) -> None:
        """Encode sentences one at a time, as one of several processes does."""
        if isinstance(self.tokenizer, SentencePieceTokenizer):
            self.tokenizer.threads = 1

    def encode_texts(self, texts: Sequence[str]) -> Ragged:
        """Encode texts, without special symbols."""
        flat, counts = self.tokenizer.encode(texts)
        return Ragged(self.look_up(flat), counts)

    def lines(self, texts: Sequence[str]) -> Ragged:
        """Encode texts as ``a </s>``."""
        return sequences.lines(self.encode_texts(texts), self.dictionary.eos())

    def sentences(self, texts: Sequence[str]) -> Ragged:
        """Encode texts as ``<s> a </s>``."""
        return sequences.singles(self.encode_texts(texts), *self.specials)

    def pairs(self, pairs: Sequence[Optional[Sequence[str]]]) -> Ragged:
        """Encode pairs as ``<s> a </s> </s> b </s>``; None gives an empty sequence."""
        texts = [text for pair in pairs if pair is not None for text in pair]
        found = self.join_pairs(self.encode_texts(texts))
        return found.spread(np.array([pair is not None for pair in pairs], bool))

    def join_pairs(self, texts: Ragged) -> Ragged:
        """Put each two texts' tokens into a sequence."""
        return sequences.pairs(texts, *self.specials, self.separators)

    def words(
        self, sentences: Sequence[Optional[Sequence[str]]]
    ) -> Tuple[Ragged, Ragged]:
        """Encode sentences as ``<s> words </s>``, every word by itself.

        A word of which the tokenizer leaves nothing (such as a zero-width space) is
        one unknown token, so that every word keeps a place for its tag.

        Returns:
            tokens, and the position of each word's first token in its sentence; None
            gives empty sequences.
        """
        present = [words for words in sentences if words is not None]
        pieces, counts = self.encode_texts(
            [word for words in present for word in words]
        )
        begins = np.cumsum(counts) - counts
        pieces = np.insert(pieces, begins[counts == 0], self.dictionary.unk())
        counts = np.maximum(counts, 1)
        words = np.array([len(one) for one in present], np.int64)
        bounds = np.concatenate([[0], np.cumsum(words)])
        totals = np.concatenate([[0], np.cumsum(counts)])[bounds]
        tokens = sequences.singles(Ragged(pieces, np.diff(totals)), *self.specials)
        starts = np.cumsum(counts) - counts - np.repeat(totals[:-1], words) + 1
        here = np.array([words is not None for words in sentences], bool)
        return tokens.spread(here), Ragged(starts, words).spread(here)

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


class SplitWriter:
    """Writes streams of one split in one language."""

    def __init__(
        self, folder: Path, split: str, lang: str, symbols: Mapping[str, int]
    ) -> None:
        self.writers = {
            name: StreamWriter(stream_prefix(folder, split, lang, name), count)
            for name, count in symbols.items()
        }

    def write(self, streams: Mapping[str, Ragged]) -> None:
        """Append rows, of which each stream has a sequence."""
        for name, found in streams.items():
            self.writers[name].write(*found)

    def close(self) -> None:
        """Write the indices."""
        for writer in self.writers.values():
            writer.close()
