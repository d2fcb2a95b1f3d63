"""Questions about passages, from SQuAD 1.1's JSON as XTREME lays it out.

Or from JSON lines as Hugging Face's ``datasets`` writes them: an object a question, of
which ``answers`` has the lists ``text`` and ``answer_start``.
"""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import (
    Any,
    Callable,
    Iterator,
    List,
    NamedTuple,
    NoReturn,
    Optional,
    Sequence,
    Tuple,
)

from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.errors import UserError
from fairseq_xling.families.raw import RawFile
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.text_lines import no_character, read_text

# Text of an answer, and its first character in the passage.
Answer = Tuple[str, int]
# An object a line.
JSON_LINES = re.compile(r"\s*\{[^\n]*\}[ \t\r]*\n\s*\{")


class Question(NamedTuple):
    """One question, and where its answers stand.

    Attributes:
        id: the question's id.
        question, context: the texts.
        answers: texts and their first characters in the context; none where the file
            does not tell.
        line: number of the question in its file, from 1.
        misplaced: answers that were left out because they do not stand where the file
            says.
    """

    id: str
    question: str
    context: str
    answers: List[Answer]
    line: int
    path: Path
    label: None = None
    misplaced: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether there are a question and a passage."""
        return bool(self.question.strip() and self.context.strip())


class QuestionFile(RawFile):
    """The questions of one JSON file, or of several that belong together.

    A file is read as a whole when its questions are asked for.

    Args:
        keeps: which questions are kept, by their ids.
        skip_misplaced: leave out answers that do not stand where the file says,
            instead of refusing them.

    Attributes:
        reads_answers: whether answers are read and checked; without, there are none.
    """

    has_ids = True

    def __init__(
        self,
        paths: List[Path],
        keeps: Callable[[str], bool] = lambda question_id: True,
        skip_misplaced: bool = False,
    ) -> None:
        self.paths = paths
        self.path = paths[0]
        self.keeps = keeps
        self.skip_misplaced = skip_misplaced
        self.reads_answers = True
        self.loaded: Optional[List[Question]] = None

    @cached_property
    def has_labels(self) -> bool:
        """Whether any question has an answer."""
        return any(row.answers for row in self.rows())

    def only(self, keeps: Callable[[str], bool]) -> "QuestionFile":
        """Those questions of which that holds, too; their numbers count them alone."""
        both = lambda question_id: self.keeps(question_id) and keeps(question_id)  # noqa: E731
        return QuestionFile(self.paths, both, self.skip_misplaced)

    def rows(self) -> Iterator[Question]:
        """Read question by question.

        Raises:
            UserError: a file is no JSON or lacks a field, or an answer does not stand
                in its passage where the file says.
        """
        number = 0
        for path in self.paths:
            questions = read_questions(path, self.reads_answers)
            for question_id, question, context, answers in questions:
                if not self.keeps(question_id):
                    continue
                number += 1
                row = Question(question_id, question, context, [], number, path)
                yield self._answered(row, answers)

    def _answered(self, row: Question, answers: List[Answer]) -> Question:
        given = [answer for answer in answers if answer[0]]
        kept = [answer for answer in given if stands_in(row.context, *answer)]
        if len(kept) < len(given) and not self.skip_misplaced:
            text, start = next(answer for answer in given if answer not in kept)
            found = row.context[start : start + len(text)] if start >= 0 else ""
            raise UserError(
                f"{row.path}, question {row.id}: the answer {shorten(text)!r} does "
                f"not stand at character {start} of its context (there is "
                f"{shorten(found)!r}); mend answer_start, or leave such answers out "
                "with --skip-misplaced-answers"
            )
        return row._replace(answers=kept, misplaced=len(given) - len(kept))

    def index(self) -> IdIndex:
        self.loaded = list(self.rows())
        return super().index()

    def placed(self) -> Iterator[Tuple[Question, int]]:
        for row in self.rows() if self.loaded is None else self.loaded:
            yield row, row.line - 1

    def row_at(self, line: int, place: int) -> Question:
        assert self.loaded is not None, "index() comes first"
        return self.loaded[place]

    def close(self) -> None:
        self.loaded = None

    def refuse_repeats(self, index: IdIndex) -> None:
        repeat = index.finish()
        if repeat is not None:
            row = next(row for row in self.rows() if row.line == repeat[0])
            raise UserError(
                f"{row.path}: question id {row.id} occurs twice (questions {repeat[1]} "
                f"and {repeat[0]}); give each question an id of its own"
            )


def stands_in(context: str, text: str, start: int) -> bool:
    """Whether a text stands at a character of a passage."""
    return start >= 0 and context.startswith(text, start)


def read_questions(
    path: Path, with_answers: bool = True
) -> Iterator[Tuple[str, str, str, List[Answer]]]:
    """Ids, questions, passages and answers of a file.

    Args:
        with_answers: whether to look at the answers; without, there are none.

    Raises:
        UserError: the file is no JSON, or not as SQuAD has it.
    """
    content = _read_json(path)
    if isinstance(content, dict) and {"question", "context"} <= content.keys():
        content = (content,)  # JSON lines of one question
    if isinstance(content, tuple):
        yield from _flat_questions(path, content, with_answers)
        return
    articles = content.get("data") if isinstance(content, dict) else None
    if not isinstance(articles, list):
        _refuse(path, "line 1", "no list of articles under 'data'")
    for a, article in enumerate(articles, 1):
        for p, paragraph in enumerate(
            _list(path, f"article {a}", article, "paragraphs")
        ):
            where = f"article {a}, paragraph {p + 1}"
            context = _text(path, where, paragraph, "context")
            for q, entry in enumerate(_list(path, where, paragraph, "qas"), 1):
                of_question = f"{where}, question {q}"
                yield (
                    _text(path, of_question, entry, "id"),
                    _text(path, of_question, entry, "question"),
                    context,
                    _answers(path, of_question, entry) if with_answers else [],
                )


def _flat_questions(
    path: Path, entries: Sequence[Any], with_answers: bool
) -> Iterator[Tuple[str, str, str, List[Answer]]]:
    """Questions with a passage each, and answers as lists by name."""
    for number, entry in enumerate(entries, 1):
        where = f"question {number}"
        fields = [_text(path, where, entry, x) for x in ("id", "question", "context")]
        answers = entry.get("answers")
        if with_answers and answers and isinstance(answers, dict):
            texts = _list(path, where, answers, "text")
            starts = _list(path, where, answers, "answer_start")
            if len(texts) != len(starts):
                _refuse(path, where, "not as many 'answer_start' as 'text'")
            pairs = zip(texts, starts)
            answers = [{"text": text, "answer_start": at} for text, at in pairs]
            entry = {**entry, "answers": answers}
        yield (*fields, _answers(path, where, entry) if with_answers else [])  # type: ignore


def _read_json(path: Path) -> Any:
    """A file's JSON; a tuple where it has JSON lines, an object each."""
    text = read_text(path)
    try:
        return tuple(_json_lines(text)) if JSON_LINES.match(text) else parse_json(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}); the file may be cut "
            "off, fetch it again"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: not SQuAD's JSON ({error})") from None


def _json_lines(text: str) -> Iterator[Any]:
    offset = 0
    for line in text.split("\n"):
        try:
            if line.strip():
                yield parse_json(line)
        except json.JSONDecodeError as error:
            place = offset + error.pos
            raise json.JSONDecodeError(error.msg, text, place) from None
        offset += len(line) + 1


def _answers(path: Path, where: str, entry: dict) -> List[Answer]:
    if not entry.get("answers"):  # back-translations may not have the field at all
        return []
    answers = []
    for answer in _list(path, where, entry, "answers"):
        text = _text(path, where, answer, "text")
        start = answer.get("answer_start")
        if not isinstance(start, int):
            _refuse(path, where, "no number 'answer_start' in an answer")
        answers.append((text, start))
    return answers


def _list(path: Path, where: str, entry: Any, name: str) -> list:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, list):
        _refuse(path, where, f"no list {name!r}")
    return found


def _text(path: Path, where: str, entry: Any, name: str) -> str:
    found = entry.get(name) if isinstance(entry, dict) else None
    if isinstance(found, int):  # ids may be numbers
        found = str(found)
    if not isinstance(found, str):
        _refuse(path, where, f"no text {name!r}")
    wrong = no_character(found)
    if wrong:
        _refuse(path, where, f"{wrong} in {name!r}")
    return found


def _refuse(path: Path, where: str, why: str) -> NoReturn:
    raise UserError(f"{path}, {where}: {why}; the file must be SQuAD 1.1's JSON")


def shorten(text: str, length: int = 40) -> str:
    """The beginning of a text, for messages."""
    return text if len(text) <= length else text[: length - 3] + "..."
