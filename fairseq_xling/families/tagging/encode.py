"""Sentences of words to token ids, with the place where each word begins."""

from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from fairseq_xling.data.binarize import TextEncoder


class EncodedWords(NamedTuple):
    """Sentences as ``<s> words </s>``.

    Attributes:
        tokens: all sentences, concatenated.
        lengths: tokens of each sentence, ``(sentences,)``; 0 where there is none.
        starts: position of each word's first piece in its sentence, concatenated.
        words: words of each sentence, ``(sentences,)``.
        known: words of each sentence that have a piece of their own, ``(sentences,)``.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray
    words: np.ndarray
    known: np.ndarray


class WordEncoder(TextEncoder):
    """Encodes every word by itself, as tagged data are for XLM-R."""

    def encode(self, sentences: Sequence[Optional[List[str]]]) -> EncodedWords:
        """Encode sentences; None gives an empty sequence.

        A word of which SentencePiece leaves nothing (such as a zero-width space) is
        one unknown token, so that every word keeps a place for its tag.
        """
        present = [words for words in sentences if words is not None]
        pieces, counts = self.encode_texts(
            [word for words in present for word in words]
        )
        known = (counts > 0).astype(np.int64)
        unknown = self.dictionary.unk()
        # Put one unknown token where a word has no piece.
        begins = np.cumsum(counts) - counts
        pieces = np.insert(pieces, begins[counts == 0], unknown)
        counts = np.maximum(counts, 1)
        words = np.array([len(sentence) for sentence in present], np.int64)
        bounds = np.concatenate([[0], np.cumsum(words)])
        totals = np.concatenate([[0], np.cumsum(counts)])[bounds]
        sizes = np.diff(totals)
        tokens = self.surround(pieces, sizes, before=1)
        lengths = sizes + 2
        tokens[np.cumsum(lengths) - lengths] = self.dictionary.bos()
        starts = np.cumsum(counts) - counts - np.repeat(totals[:-1], words) + 1
        recognised = np.add.reduceat(np.append(known, 0), bounds[:-1]) * (words > 0)
        return EncodedWords(
            tokens,
            _spread(lengths, sentences),
            starts,
            _spread(words, sentences),
            _spread(recognised, sentences),
        )


def _spread(values: np.ndarray, sentences: Sequence[Optional[List[str]]]) -> np.ndarray:
    """Zeros where there is no sentence."""
    out = np.zeros(len(sentences), np.int64)
    out[[words is not None for words in sentences]] = values
    return out
