"""Questions about passages, from SQuAD 1.1's JSON as XTREME lays it out."""

import json
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.errors import UserError


class Question(NamedTuple):
    """One question, and where its answers stand.

    Attributes:
        id: the question's id.
        question, context: the texts.
        answers: texts and their first characters in the context; none where the file
            does not tell.
        line: number of the question in its file, from 1.
    """

    id: str
    question: str
    context: str
    answers: List[Tuple[str, int]]
    line: int
    path: Path
    label: None = None

    @property
    def is_whole(self) -> bool:
        """Whether there are a question and a passage."""
        return bool(self.question.strip() and self.context.strip())


class QuestionFile:
    """The questions of one JSON file, or of several that belong together.

    A file is read as a whole when its questions are asked for.

    Args:
        paths: the files.
        lang: keep only questions whose id says so, where a file mixes languages.
        lang_of: the language that a question's id names.
        skip_misplaced: leave out answers that do not stand where the file says,
            instead of refusing them; they are counted in ``misplaced``.
    """

    labels_survive_translation = True
    has_source = False
    has_ids = True

    def __init__(
        self,
        paths: List[Path],
        lang: Optional[str] = None,
        lang_of: Callable[[str], Optional[str]] = lambda question_id: None,
        skip_misplaced: bool = False,
    ) -> None:
        self.paths = paths
        self.path = paths[0]
        self.lang = lang
        self.lang_of = lang_of
        self.skip_misplaced = skip_misplaced
        self.misplaced = 0
        self.loaded: Optional[List[Question]] = None

    @property
    def has_labels(self) -> bool:
        """Whether any question has an answer."""
        has = any(row.answers for row in self.rows())
        self.close()
        return has

    def rows(self) -> Iterator[Question]:
        """Read question by question.

        Raises:
            UserError: a file is no JSON or lacks a field, or an answer does not stand
                in its passage where the file says.
        """
        number = 0
        self.misplaced = 0
        for path in self.paths:
            for question_id, question, context, answers in read_questions(path):
                if self.lang is not None and self.lang_of(question_id) != self.lang:
                    continue
                number += 1
                kept = self._checked(path, question_id, context, answers)
                yield Question(question_id, question, context, kept, number, path)

    def _checked(
        self, path: Path, question_id: str, context: str, answers: List[Tuple[str, int]]
    ) -> List[Tuple[str, int]]:
        kept = []
        for text, start in answers:
            if not text:
                continue
            found = context[start : start + len(text)] if start >= 0 else ""
            if found == text:
                kept.append((text, start))
                continue
            self.misplaced += 1
            if not self.skip_misplaced:
                raise UserError(
                    f"{path}, question {question_id}: the answer {shorten(text)!r} does "
                    f"not stand at character {start} of its context (there is "
                    f"{shorten(found)!r}); mend answer_start, or leave such answers out "
                    "with --skip-misplaced-answers"
                )
        return kept

    def index(self) -> IdIndex:
        """Where each id's question stands.

        Raises:
            UserError: an id occurs twice.
        """
        self.loaded = list(self.rows())
        index = IdIndex()
        for row in self.loaded:
            index.add(row.id, row.line, row.line - 1)
        self.refuse_repeats(index)
        return index

    def row_at(self, line: int, place: int) -> Question:
        """The question at a place that the index gave."""
        assert self.loaded is not None, "index() comes first"
        return self.loaded[place]

    def close(self) -> None:
        """Forget the questions that were read."""
        self.loaded = None

    def own_source(self, row: Question) -> Question:
        """Questions carry no source of their own.

        Raises:
            TypeError: always.
        """
        raise TypeError("SQuAD files hold one language a question")

    def refuse_repeats(self, index: IdIndex) -> None:
        """Finish an index of this file's questions.

        Raises:
            UserError: an id occurs twice.
        """
        repeat = index.finish()
        if repeat is not None:
            row = next(row for row in self.rows() if row.line == repeat[0])
            raise UserError(
                f"{row.path}: question id {row.id} occurs twice (questions {repeat[1]} "
                f"and {repeat[0]}); ids must differ"
            )


class QuestionSubset(QuestionFile):
    """Those questions of a file whose ids are, or are not, in a set.

    Args:
        file: the file.
        ids: the ids.
        inside: whether to keep the questions in the set, or those outside.
    """

    def __init__(self, file: QuestionFile, ids: frozenset, inside: bool) -> None:
        super().__init__(file.paths, file.lang, file.lang_of, file.skip_misplaced)
        self.ids = ids
        self.inside = inside

    def rows(self) -> Iterator[Question]:
        """Read question by question; their numbers count those that are kept."""
        number = 0
        for row in super().rows():
            if (row.id in self.ids) == self.inside:
                number += 1
                yield row._replace(line=number)


def read_questions(
    path: Path,
) -> Iterator[Tuple[str, str, str, List[Tuple[str, int]]]]:
    """Ids, questions, passages and answers of a file.

    Raises:
        UserError: the file is no JSON, or not as SQuAD has it.
    """

    def refuse(where: str, why: str) -> NoReturn:
        raise UserError(f"{path}, {where}: {why}; the file must be SQuAD 1.1's JSON")

    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start + 1}); convert the file"
        ) from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise UserError(
            f"{path}, line {line}: not JSON ({getattr(error, 'msg', error)}); the file "
            "may be cut off, fetch it again"
        ) from None
    articles = content.get("data") if isinstance(content, dict) else None
    if not isinstance(articles, list):
        refuse("line 1", "no list of articles under 'data'")
    for a, article in enumerate(articles, 1):
        for p, paragraph in enumerate(_list_in(article, "paragraphs"), 1):
            where = f"article {a}, paragraph {p}"
            context = paragraph.get("context") if isinstance(paragraph, dict) else None
            if not isinstance(context, str):
                refuse(where, "no 'context'")
            for entry in _list_in(paragraph, "qas"):
                try:
                    answers = [
                        (str(answer["text"]), int(answer["answer_start"]))
                        for answer in entry.get("answers") or []
                    ]
                    yield str(entry["id"]), str(entry["question"]), context, answers
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    refuse(where, f"a question without {error}")


def _list_in(entry, name: str) -> list:
    found = entry.get(name) if isinstance(entry, dict) else None
    return found if isinstance(found, list) else []


def shorten(text: str, length: int = 40) -> str:
    """The beginning of a text, for messages."""
    return text if len(text) <= length else text[: length - 3] + "..."
