"""Questions about passages, with the answer's place found again."""

import json
from collections import Counter
from itertools import groupby
from typing import Iterable, Iterator, List, Optional, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.families.marks import Marks, choose_marks, mark, unmark
from fairseq_xling.families.questions.placing import (
    EXACT,
    MARKS,
    NEAR,
    Place,
    place_answer,
)
from fairseq_xling.families.questions.raw import Answer, Question
from fairseq_xling.families.questions.sentences import split_sentences
from fairseq_xling.families.scripts import needs_space
from fairseq_xling.families.translating import DROPPED, RowTranslator

# What engines add at the end of a short text.
ADDED = ".。!?…"


class QuestionTranslator(RowTranslator):
    """Translates questions, and passages sentence by sentence.

    Where they are trained on, the sentence of the first answer is translated with marks
    around it, too, and the answer by itself; questions whose answer is not found again
    are dropped.

    Args:
        answer_distance: see ``options``.
    """

    options = {
        "--answer-distance": {
            "type": float,
            "metavar": "SHARE",
            "help": "edits that a word of an answer's own translation may need, as a "
            "share of its characters, to be found where marks are lost (default: 0.3)",
        }
    }
    ending = "json"

    def __init__(self, is_trained: bool, answer_distance: float = 0.3) -> None:
        super().__init__(is_trained)
        if not 0 <= answer_distance < 1:
            raise UserError(
                f"--answer-distance {answer_distance}: give a share from 0 to below 1"
            )
        self.limit = answer_distance
        if is_trained:
            self.counted = (*self.counted, MARKS, EXACT, NEAR, DROPPED)

    def texts(self, row: Question) -> List[str]:
        """The question and the passage's sentences; the marked one, and the answer."""
        passage = Passage(row, self.is_trained)
        return [row.question, *passage.sentences, *passage.of_answer]

    def parts(self, row: Question) -> List[str]:
        return [row.question, row.context]

    def rebuild(
        self, row: Question, found: List[str], counts: Counter
    ) -> Optional[Question]:
        passage = Passage(row, self.is_trained)
        texts = [row.question, *passage.sentences]
        self.count(texts, found, counts)
        question, sentences = found[0], found[1 : len(texts)]
        answers: List[Answer] = []
        if self.is_trained:
            place = passage.place(sentences, found[len(texts) :], self.limit)
            if place is None or not question:
                counts[DROPPED] += 1
                return None
            counts[place.way] += 1
            context, begins = passage.join(sentences)
            begin = begins[passage.number]
            begin, end = begin + place.begin, begin + place.end
            answers = [(context[begin:end], begin)]
        else:
            context, _ = passage.join(sentences)
        return row._replace(question=question, context=context, answers=answers)

    def lines(self, rows: Iterable[Question]) -> Iterator[str]:
        """SQuAD's JSON, an article a line, of a passage and its questions."""
        yield '{"version": "1.1", "data": ['
        separator = "\n"
        for context, group in groupby(rows, key=lambda row: row.context):
            questions = [
                {
                    "id": row.id,
                    "question": row.question,
                    "answers": [
                        {"text": text, "answer_start": start}
                        for text, start in row.answers
                    ],
                }
                for row in group
            ]
            article = {"paragraphs": [{"context": context, "qas": questions}]}
            yield separator + json.dumps(article, ensure_ascii=False)
            separator = ",\n"
        yield "\n]}\n"


class Passage:
    """A passage as sentences, with its first answer in one of them.

    Attributes:
        sentences: their texts.
        number: of the sentence that holds the answer.
        of_answer: that sentence with marks, blank where none are free, and the answer;
            nothing without an answer.
    """

    def __init__(self, row: Question, with_answer: bool) -> None:
        self.text = row.context
        self.answer = row.answers[0][0].strip() if with_answer and row.answers else ""
        begin = end = 0
        if self.answer:
            text, start = row.answers[0]
            begin = start + text.index(self.answer)
            end = begin + len(self.answer)
        self.spans = split_sentences(self.text, (begin, end))
        self.sentences = [self.text[x:y] for x, y in self.spans]
        self.of_answer: List[str] = []
        self.marks: Optional[Marks] = None
        if self.answer:
            self.number = next(i for i, (_, y) in enumerate(self.spans) if begin < y)
            sentence, first = self.sentences[self.number], self.spans[self.number][0]
            self.marks = choose_marks(sentence)
            place = (begin - first, end - first)
            marked = mark(sentence, [place], self.marks) if self.marks else ""
            self.of_answer = [marked, self.answer]

    def place(
        self, sentences: List[str], of_answer: List[str], limit: float
    ) -> Optional[Place]:
        """Find the answer in the translations, of which the marked one stays.

        Args:
            sentences: those of the passage; that with the answer is replaced by its
                marked translation where marks are left.
            of_answer: translations of what the attribute has.
            limit: see :func:`place_answer`.
        """
        if not self.answer:
            return None
        marked, answer = of_answer
        if not self.answer.endswith(tuple(ADDED)):
            answer = answer.rstrip(ADDED)
        unmarked = unmark(marked, self.marks, 1) if self.marks else None
        place = place_answer(unmarked, sentences[self.number], answer, limit)
        if unmarked is not None:
            sentences[self.number] = unmarked.text
        return place

    def join(self, sentences: List[str]) -> Tuple[str, List[int]]:
        """Sentences' translations as a passage, and where each begins.

        What stood between sentences stands there again; or a space, where a script
        without spaces is translated to one with them.
        """
        text, begins, end = "", [], 0
        for (begin, after), sentence in zip(self.spans, sentences):
            between = self.text[end:begin] if text else ""
            if text and sentence and not between:
                between = " " * needs_space(text, sentence)
            text += between
            begins.append(len(text))
            text += sentence
            end = after
        return text, begins
