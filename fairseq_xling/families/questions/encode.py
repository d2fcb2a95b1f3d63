"""Questions and passages to token ids, with the characters that each token covers."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.tokenizers import PiecesOfText
from fairseq_xling.families.questions.raw import Question


class EncodedContext(NamedTuple):
    """A passage: its tokens, and the characters ``begins[i]:ends[i]`` of each.

    The characters are those of the original text, before the tokenizer's
    normalisation. White space before a word does not belong to it, nor do characters
    of which normalisation leaves nothing, such as a zero-width space. A character that
    becomes several tokens belongs to the last of them; the others cover nothing.
    """

    tokens: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


class EncodedQuestion(NamedTuple):
    """A question with its passage as ``<s> question </s> </s> passage </s>``.

    With one ``</s>`` between them for WordPiece.

    Attributes:
        tokens: ``(len,)``.
        context: the passage.
        span: positions in ``tokens`` of the first answer's first and last token, or
            nothing where there is no answer.
    """

    tokens: np.ndarray
    context: EncodedContext
    span: Tuple[int, ...]


class QuestionEncoder(TextEncoder):
    """Encodes questions, keeping track of characters.

    Args:
        as :class:`TextEncoder`.
    """

    def __init__(
        self, tokenizer: str, dictionary: Dictionary, threads: int = 1
    ) -> None:
        super().__init__(tokenizer, dictionary, threads)
        self.blank: Dict[str, bool] = {}

    def encode(
        self, rows: Sequence[Optional[Question]]
    ) -> List[Optional[EncodedQuestion]]:
        """Encode questions; None stays None."""
        present = [row for row in rows if row is not None]
        # The questions of a passage stand together, so it is encoded once for all.
        passages = list(dict.fromkeys(row.context for row in present))
        contexts = dict(zip(passages, self.encode_contexts(passages)))
        flat, counts = self.encode_texts([row.question for row in present])
        questions = iter(np.split(flat, np.cumsum(counts)[:-1]))
        return [
            row and self._join(row, next(questions), contexts[row.context])
            for row in rows
        ]

    def _join(
        self, row: Question, question: np.ndarray, context: EncodedContext
    ) -> EncodedQuestion:
        bos, eos = self.dictionary.bos(), self.dictionary.eos()
        middle = [eos] * self.separators
        tokens = np.concatenate([[bos], question, middle, context.tokens, [eos]])
        span: Tuple[int, ...] = ()
        if row.answers:
            text, start = row.answers[0]
            found = token_span(context, start, start + len(text))
            before = 1 + len(question) + self.separators
            span = tuple(position + before for position in found)
        return EncodedQuestion(tokens, context, span)

    def encode_contexts(self, texts: Sequence[str]) -> List[EncodedContext]:
        """Encode passages with the characters that each token covers."""
        found = self.tokenizer.encode_with_characters(texts)
        return [self._context(text, pieces) for text, pieces in zip(texts, found)]

    def _context(self, text: str, pieces: PiecesOfText) -> EncodedContext:
        ids, begins, ends = pieces
        begins = np.minimum(self._next_visible(text)[begins], ends)
        return EncodedContext(self.look_up(ids), begins, ends)

    def _next_visible(self, text: str) -> np.ndarray:
        """The first character from each on that is not blank, ``(len(text) + 1,)``."""
        places = np.arange(len(text) + 1)
        blank = [self._is_blank(character) for character in text]
        places[:-1][blank] = len(text)
        return np.minimum.accumulate(places[::-1])[::-1]

    def _is_blank(self, character: str) -> bool:
        """Whether a character is white space, or normalisation leaves nothing of it."""
        if character not in self.blank:
            is_gone = not self.tokenizer.tokenize(character)
            self.blank[character] = is_gone or character.isspace()
        return self.blank[character]


def token_span(context: EncodedContext, start: int, end: int) -> Tuple[int, ...]:
    """First and last token that cover characters ``start:end``; nothing if none do."""
    begins, ends = np.maximum(context.begins, start), np.minimum(context.ends, end)
    inside = np.flatnonzero(begins < ends)
    return (int(inside[0]), int(inside[-1])) if len(inside) else ()


def covered_text(text: str, context: EncodedContext, first: int, last: int) -> str:
    """The original text of tokens ``first`` to ``last``, both included."""
    return text[context.begins[first] : context.ends[last]].strip()
