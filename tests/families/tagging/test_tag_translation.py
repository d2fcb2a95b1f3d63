"""Named entities carried over by marks."""

import random
from collections import Counter
from pathlib import Path

import pytest

from fairseq_xling.families.tagging.raw import WITHHELD, TaggedSentence
from fairseq_xling.families.tagging.translating import TagTranslator

NAMES = {
    "PER": ["Barack Obama", "Merkel", "Ludwig van Beethoven"],
    "LOC": ["Swahili Coast", "Rome", "Upper Volta"],
    "ORG": ["Unicef", "Green Party", "Acme Sons"],
}


def row(words, tags=None):
    return TaggedSentence(words, tags, None, 1, Path("x"))


def draw(generator):
    """A sentence with entities, each name once."""
    words, tags, names = [], [], []
    for kind in generator.choices(list(NAMES), k=generator.randint(0, 4)):
        name = generator.choice(NAMES[kind])
        if name not in names:
            names.append(name)
            parts = name.split()
            words += [generator.choice(["saw", "and", "in"]), *parts]
            tags += ["O", *[f"{x}-{kind}" for x in "B" + "I" * (len(parts) - 1)]]
    return [*words, "end"], [*tags, "O"]


def reordered(generator, text):
    """A translation: words get an ending, and phrases another order."""
    phrases, inside = [], None
    for word in text.split():
        if word in "[]":
            inside = ["["] if word == "[" else phrases.append([*inside, "]"])  # type: ignore
        elif inside is None:
            phrases.append([f"{word}o"])
        else:
            inside.append(f"{word}o")
    generator.shuffle(phrases)
    return " ".join(word for phrase in phrases for word in phrase)


def test_entities_keep_their_types_in_another_order():
    generator, counts = random.Random(0), Counter()
    translator = TagTranslator(is_trained=True, mark_entities=True)
    for _ in range(200):
        words, tags = draw(generator)
        texts = translator.texts(row(words, tags))
        found = [reordered(generator, text) for text in texts[:1]]
        found += [" ".join(f"{x}o" for x in text.split()) for text in texts[1:]]
        got = translator.rebuild(row(words, tags), found, counts)
        want = {f"{word}o": tag[2:] for word, tag in zip(words, tags)}
        assert {x: y[2:] for x, y in zip(got.words, got.tags)} == want
    assert counts["dropped"] == 0 and counts["entities carried over"] > 200


@pytest.mark.parametrize(
    "found",
    [
        ["[ Roma ] y [ Merkel", "Roma", "Merkel"],
        ["[ Roma y Merkel ]", "Roma", "Merkel"],
        # Both are like the same, or like none.
        ["[ Roma ] y [ Roma ]", "Roma", "Merkel"],
        ["[ Xyz ] y [ Abc ]", "Roma", "Merkel"],
        ["[ Roma ] y [ Merkel ]", "Roma", "Roma"],
        ["", "Roma", "Merkel"],
    ],
)
def test_sentences_that_do_not_tell_are_dropped(found):
    translator = TagTranslator(is_trained=True, mark_entities=True)
    sentence = row(["Rome", "and", "Merkel"], ["B-LOC", "O", "B-PER"])
    counts = Counter()
    got = translator.rebuild(sentence, found, counts)
    assert (got.words, got.tags) == ([WITHHELD], ["O"]) and not got.is_whole
    assert counts["dropped"] == 1


def test_sentence_that_has_all_marks_is_translated_without():
    translator = TagTranslator(is_trained=True, mark_entities=True)
    sentence = row(["[1]", "{2}", "<3>", "Rome"], ["O", "O", "O", "B-LOC"])
    assert translator.texts(sentence) == ["[1] {2} <3> Rome"]
    assert translator.rebuild(sentence, ["[1] {2} <3> Roma"], Counter()).tags == ["O"]
