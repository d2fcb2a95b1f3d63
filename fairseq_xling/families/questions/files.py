"""Raw folders of questions: how their files are opened, and questions held out."""

from pathlib import Path
from typing import Any, Callable, FrozenSet, List, Optional, Sequence, cast

from fairseq_xling.errors import UserError
from fairseq_xling.families.files import RawFiles
from fairseq_xling.families.questions.encode import QuestionEncoder
from fairseq_xling.families.questions.raw import QuestionFile, read_questions
from fairseq_xling.families.questions.translating import QuestionTranslator
from fairseq_xling.families.raw import TRAINED, RawSplit


class QuestionFiles(RawFiles):
    """Opens files of questions.

    Args:
        lang_of: the language that a question's id names, for files that mix languages.
        skip_misplaced_answers, held_out: see ``options``.

    Raises:
        UserError: there is no such share.
    """

    encoder = QuestionEncoder
    translator = QuestionTranslator
    options = {
        "--skip-misplaced-answers": {
            "action": "store_true",
            "help": "leave out answers that do not stand where the file says",
        },
        "--held-out": {
            "type": float,
            "default": 0.0,
            "metavar": "SHARE",
            "help": "share of the training questions that becomes the dev set",
        },
    }

    def __init__(
        self,
        labels: Sequence[str] = (),
        lang_of: Callable[[str], Optional[str]] = lambda question_id: None,
        skip_misplaced_answers: bool = False,
        held_out: float = 0.0,
    ) -> None:
        if not 0 <= held_out < 1:
            raise UserError(f"--held-out {held_out}: give a share from 0 to below 1")
        self.lang_of = lang_of
        self.skip_misplaced = skip_misplaced_answers
        self.held_out = held_out

    @classmethod
    def to_translate(cls, **settings: Any) -> "QuestionFiles":
        return cls(**settings, skip_misplaced_answers=True)

    def open(self, paths: List[Path], lang: Optional[str]) -> QuestionFile:
        """Open files, or the questions of one language in them."""
        if lang is None:
            return QuestionFile(paths, skip_misplaced=self.skip_misplaced)
        keeps = lambda question_id: self.lang_of(question_id) == lang  # noqa: E731
        return QuestionFile(paths, keeps, self.skip_misplaced)

    def languages_in(self, path: Path) -> FrozenSet[str]:
        found = {self.lang_of(question_id) for question_id, *_ in read_questions(path)}
        return frozenset(lang for lang in found if lang)

    def finish(self, folder: Path, splits: List[RawSplit]) -> List[RawSplit]:
        """Hold questions out; they are the dev set in every language.

        Raises:
            UserError: a training file has no answers, or questions cannot be held out.
        """
        for part in splits:
            if part.split in TRAINED and not part.input.has_labels:
                raise UserError(
                    f"{part.input.path}: no question has an answer, which training "
                    "needs; give it answers, or remove it"
                )
            # Answers that are not used need not stand where the file says.
            if part.source is not None and part.split not in TRAINED:
                cast(QuestionFile, part.source).reads_answers = False
            if part.backtranslation is not None:
                cast(QuestionFile, part.backtranslation).reads_answers = False
        return self._hold_out(folder, splits) if self.held_out else splits

    def _hold_out(self, folder: Path, splits: List[RawSplit]) -> List[RawSplit]:
        if any(part.split == "valid" for part in splits):
            raise UserError(
                f"--held-out {self.held_out}: {folder} has dev files; leave the option "
                "out, or these"
            )
        ids = last_questions(cast(QuestionFile, splits[0].input), self.held_out)
        rest, dev = [], []
        for part in splits:
            if part.split != "train":
                rest.append(part)
                continue
            file = cast(QuestionFile, part.input)
            kept, held = file.only(lambda x: x not in ids), file.only(ids.__contains__)
            rest.append(part._replace(input=kept))
            if next(held.rows(), None) is not None:  # some may not be translated
                dev.append(RawSplit("valid", part.lang, held, part.source))
        return rest + dev


def last_questions(file: QuestionFile, share: float) -> FrozenSet[str]:
    """Ids of the last questions, whole passages of them, about ``share`` of all."""
    rows = list(file.rows())
    first = rows[min(int(len(rows) * (1 - share)), len(rows) - 1)].context
    place = next(i for i, row in enumerate(rows) if row.context == first)
    if place == 0:
        raise UserError(
            f"--held-out {share}: no passage of {file.path} is left to train on; give "
            "a smaller share"
        )
    return frozenset(row.id for row in rows[place:])
