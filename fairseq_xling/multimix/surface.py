"""The text of a variant: what was not changed stands as it was given."""

from typing import List

import numpy as np

from fairseq_xling.data.tokenizers import Tokenizer


class Surface:
    """A text, of which tokens can be replaced.

    Tokenizers normalise: they write other spaces, split signs into several, and have
    no piece for some. So only the characters of changed tokens are written anew.

    Args:
        tokenizer: of the text.
        symbols: the dictionary's pieces, by their ids.
        text: as it was given.
    """

    def __init__(self, tokenizer: Tokenizer, symbols: List[str], text: str) -> None:
        self.tokenizer = tokenizer
        self.symbols = symbols
        self.text = text
        self.pieces = tokenizer.tokenize(text)
        (found,) = tokenizer.encode_with_characters([text])
        self.begins, self.ends = found.begins, found.ends

    def replaced(self, old: np.ndarray, new: np.ndarray) -> str:
        """The text with other tokens.

        Args:
            old: the text's, without special ones, ``(pieces,)``.
            new: what stands in their places, ``(pieces,)``; -1 for nothing.
        """
        if len(old) != len(self.pieces):  # a word that has an unknown token's place
            return self.tokenizer.decode([self.symbols[x] for x in new if x >= 0])
        out: List[str] = []
        place = 0
        # Runs of tokens, of which the last alone covers characters.
        bounds = np.flatnonzero(self.ends > self.begins) + 1
        bounds = [0, *bounds[:-1].tolist(), len(self.ends)] if len(bounds) else []
        for low, high in zip(bounds, bounds[1:]):
            if (old[low:high] == new[low:high]).all():
                continue
            begin, end = int(self.begins[low]), int(self.ends[low:high].max())
            span = self.text[begin:end]  # and without white space around it:
            end = begin + len(span.rstrip())
            begin = max(begin + len(span) - len(span.lstrip()), place)
            names = [
                self.pieces[i] if old[i] == new[i] else self.symbols[new[i]]
                for i in range(low, high)
                if new[i] >= 0
            ]
            out += [self.text[place:begin], self.tokenizer.decode(names).strip()]
            place = max(begin, end)
        return "".join([*out, self.text[place:]])
