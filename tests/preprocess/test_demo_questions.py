"""The demo's passages with questions: answers, ids, noisy translations, text."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from raw_data import files
from raw_questions import question_file
from training import ROOT

sys.path.insert(0, str(ROOT / "preprocess"))

from demo import questions  # noqa: E402
from demo.grammar import POLES, QUESTION_WORDS, Clause  # noqa: E402
from demo.languages import SOURCE, TARGETS, Speaker, Token  # noqa: E402

SIZES = {"train": 40, "dev": 10, "test": 15}
CODES = [SOURCE] + [target.code for target in TARGETS]
TORN = ("translate-train/", "translate-dev/", "translate-test/")
BACK = "translate-train-en/"


def speakers(seed: int) -> dict:
    said = {SOURCE: Speaker(None, seed)}
    said.update({target.code: Speaker(target, seed) for target in TARGETS})
    return said


def write(folder: Path, seed: int = 1, noise: float = 0.1) -> Path:
    questions.write_questions(folder / "qa", speakers(seed), SIZES, seed, noise)
    questions.write_question_text(folder / "text", speakers(seed), 250, seed)
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("questions"))


def paragraphs(content: bytes) -> list:
    squad = json.loads(content)
    assert squad["version"] == "1.1"
    return [p for article in squad["data"] for p in article["paragraphs"]]


def ids(content: bytes) -> list:
    return [qa["id"] for p in paragraphs(content) for qa in p["qas"]]


def split_of(name: str) -> str:
    return {"squad": "train", "mlqa": "dev", "xquad": "test"}[name.split("/")[0]]


def test_files_follow_from_the_seed(raw, tmp_path):
    again = files(write(tmp_path / "again"))
    assert again == files(raw)
    other = files(write(tmp_path / "other", seed=2))
    assert other.keys() == again.keys()
    assert all(other[name] != again[name] for name in again)


def test_layout_is_xtremes(raw):
    names = {question_file(split, lang) for split in SIZES for lang in CODES}
    for lang in CODES[1:]:
        names |= {question_file(split, lang, "en") for split in SIZES}
        names.add(f"squad/train-{lang}.json")
    assert files(raw / "qa").keys() == names


def test_every_answer_is_its_substring_of_whole_words(raw):
    for content in files(raw / "qa").values():
        for paragraph in paragraphs(content):
            context = paragraph["context"]
            assert context.count(" . ") == questions.CLAUSES - 1
            for qa in paragraph["qas"]:
                for answer in qa["answers"]:
                    start, text = answer["answer_start"], answer["text"]
                    end = start + len(text)
                    assert text and context[start:end] == text
                    assert f" {context} "[start] == " "
                    assert f" {context} "[end + 1] == " "


def test_answers_of_clean_files_occur_once(raw):
    for name, content in files(raw / "qa").items():
        if "translate" in name:
            continue
        for paragraph in paragraphs(content):
            for qa in paragraph["qas"]:
                (answer,) = qa["answers"]
                padded = f" {paragraph['context']} "
                assert padded.count(f" {answer['text']} ") == 1


def test_ids_are_unique_and_equal_in_all_languages(raw):
    contents = files(raw / "qa")
    english = {split: ids(contents[question_file(split, "en")]) for split in SIZES}
    everything = sum(english.values(), [])
    assert len(set(everything)) == len(everything) == 3 * sum(SIZES.values())
    for name, content in contents.items():
        split = split_of(name)
        assert len(paragraphs(content)) == SIZES[split]
        if any(part in name for part in TORN):
            left = set(ids(content))
            assert ids(content) == [i for i in english[split] if i in left]
            assert 0.7 < len(left) / len(english[split]) <= 1
        else:
            assert ids(content) == english[split]


def test_translation_there_and_back_keeps_questions_without_answers(raw):
    lost = 0
    for name, content in files(raw / "qa").items():
        counts = [len(q["answers"]) for p in paragraphs(content) for q in p["qas"]]
        if BACK in name:
            assert set(counts) <= {0, 1}
            lost += counts.count(0)
        else:
            assert set(counts) == {1}
    assert lost > 0


def test_translation_without_errors_is_the_clean_file(tmp_path):
    contents = files(write(tmp_path, noise=0.0) / "qa")
    for lang in CODES[1:]:
        there = question_file("train", lang)
        assert contents[there] == contents[f"squad/train-{lang}.json"]
        for split in SIZES:
            back = question_file(split, lang, "en")
            assert contents[back] == contents[question_file(split, "en")]


def test_passages_say_different_things_and_ask_one_question_of_each_kind():
    generator = np.random.default_rng(0)
    for _ in range(200):
        passage = questions.draw_passage(generator)
        clauses = passage.clauses
        nouns = [c.subject for c in clauses] + [c.object for c in clauses]
        assert len(clauses) == questions.CLAUSES
        assert len(set(nouns)) == 2 * len(clauses)
        assert len({POLES["verb"][c.verb] for c in clauses}) == len(clauses)
        assert [q.phrase for q in passage.questions] == list(QUESTION_WORDS)
        for question in passage.questions:
            about = clauses[question.number]
            assert getattr(about, question.phrase) is not None
            assert question.clause.verb == about.verb


def test_answer_is_followed_through_swapped_words_and_lost_when_torn_apart():
    def sentence(*words: str) -> list:
        return [Token(w, "", "subject" if w in ("the", "dog") else "") for w in words]

    first = sentence("it", "rains")
    assert questions.find_answer([first, sentence("the", "dog", "barks")], 1, "subject")
    swapped = [first, sentence("barks", "dog", "the")]
    text, start = questions.find_answer(swapped, 1, "subject")
    assert (text, start) == ("dog the", len("it rains . barks "))
    assert questions.text(swapped)[start:] == text
    torn = [first, sentence("the", "barks", "dog")]
    assert questions.find_answer(torn, 1, "subject") is None


def test_question_words_stand_first_or_in_place_where_verbs_are_last():
    clause = Clause("dog", verb="likes", object="cup")
    for target in TARGETS:
        speaker = Speaker(target, 1)
        for phrase, word in QUESTION_WORDS.items():
            asked = [token.word for token in speaker.ask(clause, phrase)]
            said = speaker.question_words[word]
            assert asked.count(said) == 1
            rest = [
                token.word for token in speaker.parse(clause) if token.phrase != phrase
            ]
            assert [w for w in asked if w != said] == rest
            first = phrase == "subject" or not target.verb_last
            assert (asked[0] == said) == first
        taken = {*speaker.words.values(), *speaker.question_words.values()}
        assert len(taken) == len(speaker.words) + len(QUESTION_WORDS)


def test_text_has_passages_with_questions_different_in_each_language(raw):
    patterns = set()
    for lang, speaker in speakers(1).items():
        path = raw / "text" / f"train.{lang}.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        asking = set(speaker.question_words.values())
        asked = [bool(asking & set(line.split())) for line in lines]
        patterns.add(tuple(asked))
        assert len(lines) == 250 and 0.6 < np.mean(asked) < 0.8
        for line, is_asked in zip(lines, asked):
            parts = line.split(" . ")
            assert len(parts) == is_asked + questions.CLAUSES
            asks = [bool(asking & set(part.split())) for part in parts]
            assert asks == [True] * is_asked + [False] * questions.CLAUSES
        valid = path.with_name(f"valid.{lang}.txt").read_text(encoding="utf-8")
        assert len(valid.splitlines()) == 5
    assert len(patterns) == len(CODES)
