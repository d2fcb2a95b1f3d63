"""Questions about passages to streams, with the characters that each token covers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.sequences import Ragged
from fairseq_xling.data.tokenizers import PiecesOfText
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import LONGEST, Chunk, Encoded, RowEncoder, Rows
from fairseq_xling.families.inputs import QUESTION, Text, parse_pair
from fairseq_xling.families.questions.raw import Question
from fairseq_xling.families.raw import TRAINED, RawSplit

# What the log calls a long passage: more than XLM-R reads at once.
LONG = 512


class QuestionEncoder(RowEncoder):
    """Encodes questions with their passages, keeping track of characters.

    The streams of a question are ``<s> question </s> </s> passage </s>``, the length
    of the passage, the first answer's first and last token (nothing where there is
    none), and the characters of the passage's tokens.
    """

    form = "pair"
    text_names = QUESTION
    in_memory = ("input", "context_length", "offsets", "source")

    def __init__(
        self, tokenizer: str, dictionary: Dictionary, threads: int = 1
    ) -> None:
        super().__init__(tokenizer, dictionary, threads)
        self.blank: Dict[str, bool] = {}

    def parse(self, text: Text, where: str) -> Question:
        question, context = parse_pair(text, self.text_names, where)
        return Question("", question, context, [], 1, Path(where))

    def streams(self, part: RawSplit) -> List[str]:
        is_trained = part.split in TRAINED
        names = ["input", "context_length"] + ["span"] * part.input.has_labels
        names += [] if is_trained else ["offsets"]
        for name in part.counterparts:
            names += [name] + ["source_span"] * (is_trained and name == "source")
        return names

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        """Leave out questions that lack their text or their passage.

        Raises:
            UserError: they are to be judged by; scores would be of other questions.
        """
        chunk = []
        for row, others in aligned:
            is_blank = self.is_blank(row.question) or self.is_blank(row.context)
            if row.is_whole and not is_blank:
                chunk.append((row, others))
            elif part.split not in TRAINED:
                raise UserError(
                    f"{row.path}, question {row.id}: empty question or context; fill "
                    "it in, or remove the question"
                )
        lacking = len(aligned) - len(chunk)
        remarks["without question or passage, left out"] += lacking
        return chunk

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        """Encode questions with their counterparts; see :meth:`RowEncoder.encode`.

        Where training could not use a question, it gets no counterpart.
        """
        found: Encoded = {}
        good = np.ones(len(rows["input"]), bool)
        for name, group in rows.items():
            prefix = "" if name == "input" else f"{name}_"
            group = [row if is_good else None for row, is_good in zip(group, good)]
            found[name], found[f"{prefix}span"], contexts = self._questions(group)
            if name == "input":
                offsets = [np.stack([x.begins, x.ends], 1).ravel() for x in contexts]
                found["offsets"] = Ragged.of(offsets)
                found["context_length"] = Ragged.of([len(x.ids)] for x in contexts)
                if "offsets" not in names:
                    good = found["span"].lengths > 0
        return {name: found[name] for name in names}

    def _questions(
        self, rows: Sequence[Optional[Question]]
    ) -> Tuple[Ragged, Ragged, List[PiecesOfText]]:
        """Sequences, answers' places, and the passages of those that are not None."""
        present = [row for row in rows if row is not None]
        # The questions of a passage stand together, so it is encoded once for all.
        passages = list(dict.fromkeys(row.context for row in present))
        encoded = dict(zip(passages, self.encode_contexts(passages)))
        contexts = [encoded[row.context] for row in present]
        questions = self.encode_texts([row.question for row in present])
        texts = [
            text
            for question, context in zip(questions.split(), contexts)
            for text in (question, context.ids)
        ]
        before = questions.lengths + 1 + self.separators
        spans = [
            [shift + token for token in answer_span(row, context)]
            for row, context, shift in zip(present, contexts, before)
        ]
        here = np.array([row is not None for row in rows], bool)
        tokens = self.join_pairs(Ragged.of(texts))
        return tokens.spread(here), Ragged.of(spans).spread(here), contexts

    def kept(self, streams: Encoded, remarks: Counter) -> np.ndarray:
        """Leave out questions to train on whose answer has no token."""
        kept = super().kept(streams, remarks)
        if "offsets" not in streams:
            kept = streams["span"].lengths > 0
        remarks["whose answer is lost, left out"] += int((~kept).sum())
        return kept

    def note(self, rows: List[Any], streams: Encoded, remarks: Counter) -> None:
        super().note(rows, streams, remarks)
        lengths = streams["input"].lengths
        remarks[f"over {LONG} tokens"] += int((lengths > LONG).sum())
        remarks["answers not where the file says, left out"] += sum(
            row.misplaced for row in rows
        )
        remarks[LONGEST] = max(remarks[LONGEST], int(lengths.max(initial=0)))

    def examples(self, part: RawSplit, rows: Sequence[Any]) -> str:
        """Texts and answers of questions to be judged by, as lines of JSON."""
        if part.split in TRAINED:
            return ""
        entries = [
            {
                "id": row.id,
                "question": row.question,
                "context": row.context,
                "answers": [text for text, _ in row.answers],
            }
            for row in rows
        ]
        return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries)

    def lacking(self, part: Any, remarks: Counter) -> str:
        return "answered " * (part.split in TRAINED) + "questions"

    def encode_contexts(self, texts: Sequence[str]) -> List[PiecesOfText]:
        """Encode passages with the characters that each token covers.

        The characters are those of the original text, before the tokenizer's
        normalisation. White space before a word does not belong to it, nor do
        characters of which normalisation leaves nothing, such as a zero-width space. A
        character that becomes several tokens belongs to the last of them; the others
        cover nothing.
        """
        found = []
        encoded = self.tokenizer.encode_with_characters(texts)
        for text, (ids, begins, ends) in zip(texts, encoded):
            begins = np.minimum(self._next_visible(text)[begins], ends)
            found.append(PiecesOfText(self.look_up(ids), begins, ends))
        return found

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


def answer_span(row: Question, context: PiecesOfText) -> Tuple[int, ...]:
    """The passage's first and last token of the first answer; nothing without one."""
    if not row.answers:
        return ()
    text, start = row.answers[0]
    return token_span(context, start, start + len(text))


def token_span(context: PiecesOfText, start: int, end: int) -> Tuple[int, ...]:
    """First and last token that cover characters ``start:end``; nothing if none do."""
    begins, ends = np.maximum(context.begins, start), np.minimum(context.ends, end)
    inside = np.flatnonzero(begins < ends)
    return (int(inside[0]), int(inside[-1])) if len(inside) else ()
