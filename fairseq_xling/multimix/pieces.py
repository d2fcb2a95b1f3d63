"""What the pieces of a tokenizer's dictionary are to a word."""

import re
from typing import Optional, Tuple

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.tokenizers import SEPARATORS
from fairseq_xling.errors import UserError

BEGIN = "\u2581"
CONTINUES = "##"
# What fairseq fills a dictionary up with, to a multiple of some number, and BERT's.
FILLER = re.compile(r"madeupword\d{4}|\[unused\d+\]")


class PieceTable:
    """Which pieces begin a word, and which the language model may put where.

    Args:
        dictionary: of the tokenizer's pieces; it may lack ``<mask>``.
        kind: ``"sentencepiece"`` or ``"wordpiece"``.

    Attributes:
        symbols: every piece's text.
        special: neither text nor unknown text, bool ``(symbols,)``.
        begins: begins a word, bool ``(symbols,)``.
        may_begin: may be predicted where a word begins, bool ``(symbols,)``: it
            neither joins the word before nor is a word boundary alone.
        may_continue: may be predicted inside a word, bool ``(symbols,)``.
        separators: how many ``</s>`` stand between the sentences of a pair.

    Raises:
        UserError: no piece begins a word, so it is no such dictionary.
    """

    def __init__(self, dictionary: Dictionary, kind: str = "sentencepiece") -> None:
        self.kind = kind
        self.separators = SEPARATORS[kind]
        symbols = self.symbols = dictionary.symbols
        self.eos, self.pad = dictionary.eos(), dictionary.pad()
        self.mask = dictionary.index("<mask>")
        self.special = np.zeros(len(symbols), bool)
        self.special[[dictionary.bos(), self.eos, self.pad, self.mask]] = True
        self.special[dictionary.unk()] = False
        never = self.special.copy()
        never[: dictionary.nspecial] = True
        never |= [FILLER.fullmatch(symbol) is not None for symbol in symbols]
        if kind == "wordpiece":
            self.begins = np.array([not s.startswith(CONTINUES) for s in symbols])
            self.may_begin = self.begins & ~never
            self.may_continue = ~self.begins & ~never
            return
        self.begins = np.array([symbol.startswith(BEGIN) for symbol in symbols])
        inner = np.array([BEGIN in symbol[1:] for symbol in symbols])
        alone = np.array([symbol == BEGIN for symbol in symbols])
        self.may_begin = self.begins & ~inner & ~alone & ~never
        self.may_continue = ~self.begins & ~inner & ~never
        if not self.may_begin.any():
            raise UserError(
                f"dict.txt: no piece begins with {BEGIN}; give the dictionary of a "
                "SentencePiece model, as XLM-R has it"
            )

    def text(self, tokens: np.ndarray) -> str:
        """The pieces' text, word boundaries included."""
        pieces = [self.symbols[token] for token in tokens]
        if self.kind == "wordpiece":
            return " ".join(pieces).replace(f" {CONTINUES}", "")
        return "".join(pieces)


def find_units(
    table: PieceTable,
    tokens: np.ndarray,
    word_starts: Optional[np.ndarray],
    mask_unit: str,
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find what is masked as one: words, or pieces.

    Without ``word_starts``, a word reaches from a piece that begins one to the next
    such piece: what stands between two spaces of the text.

    Args:
        table: of the dictionary.
        tokens: with special tokens, ``(len,)``.
        word_starts: where the words begin, ``(words,)``, if that is known.
        mask_unit: ``"piece"``, or any other for words.

    Returns:
        first token of each unit, its number of tokens, and whether it begins a word,
        each ``(units,)``.
    """
    content = ~table.special[tokens]
    if word_starts is not None:
        begins = np.zeros(len(tokens), bool)
        begins[word_starts] = True
    else:
        after_special = np.append(True, ~content[:-1])
        begins = content & (table.begins[tokens] | after_special)
    if mask_unit == "piece":
        starts = np.flatnonzero(content)
        # What stands first is not always marked as a beginning, as an unknown piece.
        return starts, np.ones(len(starts), np.int64), begins[starts]
    starts = np.flatnonzero(begins)
    bounds = np.append(np.flatnonzero(begins | ~content), len(tokens))
    ends = bounds[np.searchsorted(bounds, starts, side="right")]
    return starts, ends - starts, np.ones(len(starts), bool)
