"""Questions and passages to token ids, with the characters that each token covers."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.raw_questions import Question


class EncodedContext(NamedTuple):
    """A passage: its tokens, and the characters ``begins[i]:ends[i]`` of each.

    The characters are those of the original text, before SentencePiece's
    normalisation; white space before a word does not belong to it.
    """

    tokens: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


class EncodedQuestion(NamedTuple):
    """A question with its passage as ``<s> question </s> </s> passage </s>``.

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
    """Encodes questions, keeping track of characters."""

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
            None if row is None else self._join(row, next(questions), contexts)
            for row in rows
        ]

    def _join(self, row: Question, question, contexts) -> EncodedQuestion:
        context = contexts[row.context]
        bos, eos = self.dictionary.bos(), self.dictionary.eos()
        tokens = np.concatenate([[bos], question, [eos, eos], context.tokens, [eos]])
        span: Tuple[int, ...] = ()
        if row.answers:
            text, start = row.answers[0]
            found = token_span(context, start, start + len(text))
            span = tuple(position + len(question) + 3 for position in found)
        return EncodedQuestion(tokens, context, span)

    def encode_contexts(self, texts: Sequence[str]) -> List[EncodedContext]:
        """Encode passages with the characters that each token covers."""
        protos = self.processor.encode(
            list(texts), out_type="immutable_proto", num_threads=self.threads
        )
        return [self._context(text, proto) for text, proto in zip(texts, protos)]

    def _context(self, text: str, proto) -> EncodedContext:
        pieces = [(piece.id, piece.begin, piece.end) for piece in proto.pieces]
        ids, begins, ends = np.array(pieces, np.int64).reshape(-1, 3).T
        tokens = self.table[ids]
        self.tokens += len(tokens)
        self.unknown += int((tokens == self.dictionary.unk()).sum())
        # The first character from each on that is no white space.
        after = np.arange(len(text) + 1)
        after[:-1][[character.isspace() for character in text]] = len(text)
        after = np.minimum.accumulate(after[::-1])[::-1]
        return EncodedContext(tokens, np.minimum(after[begins], ends), ends)


def token_span(context: EncodedContext, start: int, end: int) -> Tuple[int, ...]:
    """First and last token that cover characters ``start:end``; nothing if none do."""
    first = int(np.searchsorted(context.ends, start, side="right"))
    last = int(np.searchsorted(context.begins, end, side="left")) - 1
    return (first, last) if first <= last else ()


def covered_text(text: str, context: EncodedContext, first: int, last: int) -> str:
    """The original text of tokens ``first`` to ``last``, both included."""
    return text[context.begins[first] : context.ends[last]].strip()
