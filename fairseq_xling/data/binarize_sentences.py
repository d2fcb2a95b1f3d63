"""Sentences to token ids, each by itself."""

from typing import Sequence, Tuple

import numpy as np

from fairseq_xling.data.binarize import TextEncoder


class SentenceEncoder(TextEncoder):
    """Encodes texts as ``<s> text </s>``."""

    def encode(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Encode texts.

        Returns:
            all tokens, concatenated, and the length of each text, ``(len(texts),)``.
        """
        flat, counts = self.encode_texts(texts)
        tokens = self.surround(flat, counts, before=1)
        lengths = counts + 2
        tokens[np.cumsum(lengths) - lengths] = self.dictionary.bos()
        return tokens, lengths
