"""Passages with questions whose answers are spans, in SQuAD's format.

The files have XTREME's names. An answer is found by the positions of its words, also
after a translation: one that tears the words apart loses the answer.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from demo.files import save
from demo.grammar import (
    ADJECTIVES,
    CLASS_OF,
    NEGATORS,
    PLACES,
    QUESTION_WORDS,
    VERB_SCALES,
    Clause,
    pick,
)
from demo.languages import (
    SOURCE,
    TARGETS,
    Speaker,
    Token,
    Translator,
    translate_through,
)

STOP = Token(".", "PUNCT")
CLAUSES = 2
# Documents of the running text in which a passage follows questions about it.
ASKING = 0.7


@dataclass(frozen=True)
class Question:
    """A question about a passage.

    Attributes:
        number: of the clause it is about.
        phrase: the slot it asks for.
        clause: what it says of the clause.
    """

    number: int
    phrase: str
    clause: Clause


@dataclass(frozen=True)
class Passage:
    """What a passage says, and the questions about it."""

    clauses: List[Clause]
    questions: List[Question]


def _sample(generator: np.random.Generator, words: Sequence[Any], count: int) -> list:
    order = generator.permutation(len(words))
    return [words[i] for i in order[:count]]


def draw_passage(generator: np.random.Generator) -> Passage:
    """Draw a passage with one question of each kind.

    No noun and no place occurs twice and no two verbs mean the same, so that every
    question has one answer and the answer one position. Some clause has a place.
    """
    nouns = _sample(generator, tuple(CLASS_OF), 2 * CLAUSES)
    poles = [pole for scale in VERB_SCALES for pole in scale]
    verbs = [pick(generator, pole) for pole in _sample(generator, poles, CLAUSES)]
    places = _sample(generator, PLACES, CLAUSES)
    placed = generator.random(CLAUSES) < 0.5
    placed[generator.integers(CLAUSES)] = True
    draw = generator.random
    clauses = [
        Clause(
            subject=nouns[i],
            adjective=pick(generator, ADJECTIVES) if draw() < 0.5 else None,
            verb=verbs[i],
            object=nouns[CLAUSES + i],
            place=places[i] if placed[i] else None,
            negator=pick(generator, NEGATORS) if draw() < 0.2 else None,
        )
        for i in range(CLAUSES)
    ]
    questions = []
    for phrase in QUESTION_WORDS:
        known = [i for i in range(CLAUSES) if phrase != "place" or placed[i]]
        number = known[int(generator.integers(len(known)))]
        clause = replace(clauses[number], adjective=None, place=None)
        questions.append(Question(number, phrase, clause))
    return Passage(clauses, questions)


def text(sentences: Sequence[Sequence[Token]]) -> str:
    """The sentences as running text."""
    return f" {STOP.word} ".join(
        " ".join(token.word for token in sentence) for sentence in sentences
    )


def find_answer(
    sentences: Sequence[Sequence[Token]], number: int, phrase: str
) -> Optional[Tuple[str, int]]:
    """A phrase and where it starts in the text, or None where it is torn apart.

    Args:
        sentences: of the passage.
        number: of the sentence that has the phrase.
        phrase: the slot of the phrase.
    """
    before = [token for sentence in sentences[:number] for token in [*sentence, STOP]]
    sentence = sentences[number]
    positions = [i for i, token in enumerate(sentence) if token.phrase == phrase]
    first, end = positions[0], positions[-1] + 1
    if end - first != len(positions):
        return None
    start = sum(len(token.word) + 1 for token in [*before, *sentence[:first]])
    return " ".join(token.word for token in sentence[first:end]), start


def paragraph(
    passage: Passage,
    name: str,
    speaker: Speaker,
    translators: Sequence[Translator] = (),
    keep_lost: bool = False,
) -> Dict[str, Any]:
    """A passage with its questions, as SQuAD's JSON has them.

    Args:
        passage: what to say.
        name: start of the questions' ids.
        speaker: of the language.
        translators: of noisy translations on the way to the language, in order.
        keep_lost: keep questions whose answer a translation has torn apart, without
            answers, instead of leaving them out.
    """

    def said(clause: Clause, asked: Optional[str] = None) -> List[Token]:
        if translators:
            return translate_through(translators, clause, speaker, asked)
        return speaker.parse(clause) if asked is None else speaker.ask(clause, asked)

    sentences = [said(clause) for clause in passage.clauses]
    qas = []
    for question in passage.questions:
        asked = text([said(question.clause, question.phrase)])
        found = find_answer(sentences, question.number, question.phrase)
        if found is None and not keep_lost:
            continue
        answers = (
            [] if found is None else [{"text": found[0], "answer_start": found[1]}]
        )
        word = QUESTION_WORDS[question.phrase]
        qas.append({"id": f"{name}-{word}", "question": asked, "answers": answers})
    return {"context": text(sentences), "qas": qas}


def write_questions(
    folder: Path,
    speakers: Dict[str, Speaker],
    sizes: Dict[str, int],
    seed: int,
    noise: float,
) -> None:
    """Write the passages, the same ones in every language, and their translations.

    Args:
        folder: to write to.
        speakers: of all languages, by code.
        sizes: number of passages of ``"train"``, ``"dev"`` and ``"test"``.
        seed: of the passages and of the translator's errors.
        noise: error rate of the translator.
    """
    sets: Dict[str, List[Passage]] = {}
    for i, split in enumerate(("train", "dev", "test")):
        generator = np.random.default_rng((seed, 13, i))
        sets[split] = [draw_passage(generator) for _ in range(sizes[split])]

    def write(
        name: str,
        split: str,
        speaker: Speaker,
        translators: Sequence[Translator] = (),
        keep_lost: bool = False,
    ) -> None:
        paragraphs = [
            paragraph(passage, f"{split}-{n}", speaker, translators, keep_lost)
            for n, passage in enumerate(sets[split])
        ]
        data = [{"title": split, "paragraphs": paragraphs}]
        content = json.dumps({"version": "1.1", "data": data}, ensure_ascii=False)
        save(folder / name, content + "\n")

    english = speakers[SOURCE]
    for lang, speaker in speakers.items():
        # In other languages, labelled training data serve as an upper bound.
        train = "train-v1.1" if lang == SOURCE else f"train-{lang}"
        write(f"squad/{train}.json", "train", speaker)
        dev = f"dev-context-{lang}-question-{lang}"
        write(f"mlqa/MLQA_V1/dev/{dev}.json", "dev", speaker)
        write(f"xquad/xquad.{lang}.json", "test", speaker)
    for i, target in enumerate(TARGETS):
        lang = target.code
        there = f"squad.translate.train.{SOURCE}-{lang}"
        files = (
            (f"squad/translate-train/{there}", "train", speakers[lang], 1),
            (f"squad/translate-train-{SOURCE}/{there}-{SOURCE}", "train", english, 2),
            (
                f"mlqa/translate-dev/mlqa.translate.dev.{lang}-{SOURCE}",
                "dev",
                english,
                1,
            ),
            (
                f"xquad/translate-test/xquad.translate.test.{lang}-{SOURCE}",
                "test",
                english,
                1,
            ),
        )
        for j, (name, split, speaker, steps) in enumerate(files):
            translators = [
                Translator(noise, np.random.default_rng((seed, 14, i, 2 * j + step)))
                for step in range(steps)
            ]
            write(f"{name}.json", split, speaker, translators, keep_lost=steps > 1)


def write_question_text(
    folder: Path, speakers: Dict[str, Speaker], lines: int, seed: int
) -> None:
    """Write running text, one document a line, different ones in each language.

    A document is a passage or some questions about different passages, so that no
    question stands beside its answer.

    Args:
        folder: to write to.
        speakers: of all languages, by code.
        lines: number of training documents of a language.
        seed: of the documents.
    """
    for i, (lang, speaker) in enumerate(speakers.items()):
        generator = np.random.default_rng((seed, 15, i))
        for split, count in (("train", lines), ("valid", lines // 50)):
            rows = [text(draw_line(generator, speaker)) for _ in range(count)]
            content = "".join(row + "\n" for row in rows)
            save(folder / f"{split}.{lang}.txt", content)


def draw_line(generator: np.random.Generator, speaker: Speaker) -> List[List[Token]]:
    """Draw a passage, with or without a question about it, and never an answer."""
    passage = draw_passage(generator)
    said = [speaker.parse(clause) for clause in passage.clauses]
    if generator.random() >= ASKING:
        return said
    question = pick(generator, passage.questions)
    return [speaker.ask(question.clause, question.phrase), *said]
