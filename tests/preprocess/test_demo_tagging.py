"""The demo's tagged sentences: tags, word order, ambiguous words, parallel files."""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from raw_data import files, row_file
from training import ROOT

sys.path.insert(0, str(ROOT / "preprocess"))

from demo import tagging  # noqa: E402
from demo.grammar import Clause  # noqa: E402
from demo.languages import SOURCE, TARGETS, Speaker  # noqa: E402

SIZES = {"train": 200, "dev": 30, "test": 40}
CODES = [SOURCE] + [target.code for target in TARGETS]


def write(folder: Path, seed: int = 1, noise: float = 0.1) -> Path:
    speakers = {SOURCE: Speaker(None, seed)}
    speakers.update({target.code: Speaker(target, seed) for target in TARGETS})
    tagging.write_tagging(folder, speakers, SIZES, seed, noise)
    return folder


@pytest.fixture(scope="module")
def udpos(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("udpos"))


def read(path: Path) -> list:
    """Sentences of a file, each a list of rows of columns."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    return [[row.split("\t") for row in block.split("\n")] for block in blocks]


def test_files_follow_from_the_seed(udpos, tmp_path):
    again = files(write(tmp_path / "again"))
    assert again == files(udpos)
    other = files(write(tmp_path / "other", seed=2))
    assert other.keys() == again.keys()
    assert all(other[name] != again[name] for name in again)


def test_layout_is_xtremes(udpos):
    names = {f"{split}-{lang}.tsv" for split in SIZES for lang in CODES}
    for lang in CODES[1:]:
        names |= {row_file(split, lang, "en") for split in SIZES}
        names.add(row_file("train", lang))
    assert files(udpos).keys() == names


def test_parallel_files_have_a_sentence_for_every_sentence(udpos):
    for name in files(udpos):
        (split,) = (s for s in SIZES if s in name)
        sentences = read(udpos / name)
        assert len(sentences) == SIZES[split]
        columns = 1 if "translated" in name else 2
        assert all(len(row) == columns for rows in sentences for row in rows)


def test_tags_are_the_sets_and_the_same_in_every_language(udpos):
    for split in SIZES:
        english = read(udpos / f"{split}-en.tsv")
        assert {tag for rows in english for _, tag in rows} == set(tagging.TAGS)
        for target in TARGETS:
            said = read(udpos / f"{split}-{target.code}.tsv")
            for rows, source in zip(said, english):
                tags = Counter(tag for _, tag in rows)
                want = Counter(tag for _, tag in source)
                if target.drops_article:
                    del want["DET"]
                assert tags == want


def test_tags_stand_in_the_languages_own_order():
    clause = Clause("dog", "big", "clean", "saw", "market", "never")
    for target in TARGETS:
        speaker = Speaker(target, 1)
        tokens = speaker.parse(clause)
        assert [token.word for token in tokens] == speaker.say(clause)
        tags = [token.tag for token in tokens]
        noun = tags.index("NOUN")
        assert (tags.index("ADJ") > noun) == target.adjective_last
        last = tags.index("VERB") > tags.index("NOUN", noun + 1)
        assert last == target.verb_last
        assert tags.index("ADV") == tags.index("VERB") - 1
    assert {target.verb_last for target in TARGETS} == {True, False}


def test_ambiguous_words_carry_two_tags_in_every_language(udpos):
    for lang, target in zip(CODES, (None, *TARGETS)):
        tags = defaultdict(set)
        for rows in read(udpos / f"train-{lang}.tsv"):
            for word, tag in rows:
                tags[word].add(tag)
        words = Speaker(target, 1).words
        ambiguous = {words[word] for word in tagging.VERBS_TOO}
        assert {word for word in tags if len(tags[word]) > 1} == ambiguous
        assert all("VERB" in tags[word] for word in ambiguous)


def test_the_word_alone_does_not_give_every_tag(udpos):
    rows = [row for rows in read(udpos / "train-en.tsv") for row in rows]
    counts = defaultdict(Counter)
    for word, tag in rows:
        counts[word][tag] += 1
    known = sum(max(count.values()) for count in counts.values())
    assert 0.85 < known / len(rows) < 0.98


def test_translation_without_errors_is_the_clean_text(tmp_path):
    folder = write(tmp_path, noise=0.0)

    def words(name: str) -> list:
        return [[row[0] for row in rows] for rows in read(folder / name)]

    for lang in CODES[1:]:
        assert words(row_file("train", lang)) == words(f"train-{lang}.tsv")
        for split in SIZES:
            assert words(row_file(split, lang, "en")) == words(f"{split}-en.tsv")


def test_translations_have_errors_of_their_own(udpos):
    english = [[row[0] for row in rows] for rows in read(udpos / "train-en.tsv")]
    wrong = []
    for lang in CODES[1:]:
        path = udpos / row_file("train", lang, "en")
        said = [[row[0] for row in rows] for rows in read(path)]
        wrong.append([a != b for a, b in zip(said, english)])
        assert 0.2 < np.mean(wrong[-1]) < 0.95
    assert all(wrong[i] != wrong[0] for i in range(1, len(wrong)))
