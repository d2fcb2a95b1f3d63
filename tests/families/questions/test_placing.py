"""Answers found again in translations by an engine that spoils them at known rates."""

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.families.marks import KINDS, Marks, mark, unmark
from fairseq_xling.families.questions.placing import (
    EXACT,
    MARKS,
    NEAR,
    fold,
    nearest,
    place_answer,
)
from fairseq_xling.families.similarity import edit_distance

LIMIT = 0.3
BRACKETS = Marks(*KINDS[0])
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Spoiler:
    """Translates word by word, and spoils that at known rates.

    Every word has one translation, which no other has, so that what a place holds tells
    which words of the source it stands for.

    Args:
        reorders: share of sentences whose phrases come in another order; what is marked
            stays together.
        inflects: share of words that get an ending where they stand in a sentence.
        drops: share of sentences that lose one mark or both.
        moves: share of sentences of which a mark moves by a word.
    """

    def __init__(self, seed, reorders=0.0, inflects=0.0, drops=0.0, moves=0.0):
        self.draw = random.Random(seed)
        self.reorders, self.inflects = reorders, inflects
        self.drops, self.moves = drops, moves
        words: set = set()
        while len(words) < 400:
            words.add("".join(self.draw.choices(LETTERS, k=self.draw.randint(4, 9))))
        self.words = sorted(words)
        self.draw.shuffle(self.words)
        self.translations = dict(zip(self.words[:200], self.words[200:]))
        self.sources = {new: old for old, new in self.translations.items()}

    def sentence(self):
        """Words of a sentence, each once, and which of them are the answer."""
        words = self.draw.sample(self.words[:200], self.draw.randint(3, 14))
        first = self.draw.randrange(len(words))
        last = min(first + self.draw.choice([1, 1, 2, 3, 5]), len(words))
        return words, first, last

    def chance(self, rate):
        return self.draw.random() < rate

    def ending(self):
        return self.draw.choice(["s", "en", "o"]) if self.chance(self.inflects) else ""

    def __call__(self, text, in_sentence=True):
        phrases, inside = [], None
        for word in text.split():
            if word == "[":
                inside = ["["]
            elif word == "]":
                phrases.append([*inside, "]"])
                inside = None
            else:
                new = self.translations[word]
                new += self.ending() if in_sentence else ""
                (phrases if inside is None else inside).append(
                    [new] if inside is None else new
                )
        if in_sentence and self.chance(self.reorders):
            self.draw.shuffle(phrases)
        words = [word for phrase in phrases for word in phrase]
        if "[" in words and self.chance(self.moves):
            place = words.index(self.draw.choice("[]"))
            other = place + self.draw.choice([-1, 1])
            if 0 <= other < len(words):
                words[place], words[other] = words[other], words[place]
        if "[" in words and self.chance(self.drops):
            lost = self.draw.choice(["[", "]", "[]"])
            words = [word for word in words if word not in lost]
        return " ".join(words)

    def source_of(self, word):
        """The word of the source that a word of a translation stands for."""
        found = [
            new
            for new in self.sources
            if word in (new, *(new + x for x in "s en o".split()))
        ]
        return self.sources[found[0]] if len(found) == 1 else None


def place_all(spoiler, count=120):
    """Place answers of sentences.

    Returns:
        how many by each way, None for those that are dropped; and those whose place
        holds other words than the answer's.
    """
    ways, wrong = Counter(), []
    for _ in range(count):
        words, first, last = spoiler.sentence()
        text, answer = " ".join(words), " ".join(words[first:last])
        begin = len(" ".join([*words[:first], ""]))
        marked = spoiler(mark(text, [(begin, begin + len(answer))], BRACKETS))
        plain, own = spoiler(text), spoiler(answer, in_sentence=False)
        unmarked = unmark(marked, BRACKETS, 1)
        place = place_answer(unmarked, plain, own, LIMIT)
        ways[place and place.way] += 1
        if place is not None:
            shown = unmarked.text if unmarked else plain
            found = shown[place.begin : place.end].split()
            if Counter(map(spoiler.source_of, found)) != Counter(words[first:last]):
                wrong.append((answer, own, marked, plain, place))
    return ways, wrong


@pytest.mark.parametrize(
    "rates, least",
    [
        ({}, {MARKS: 120}),
        ({"reorders": 0.5}, {MARKS: 120}),
        ({"reorders": 0.5, "inflects": 0.3}, {MARKS: 115}),
        ({"drops": 1.0}, {EXACT: 120}),
        ({"drops": 1.0, "inflects": 0.3}, {EXACT: 30, NEAR: 10}),
        ({"drops": 0.5, "reorders": 0.5, "inflects": 0.2}, {MARKS: 40, EXACT: 15}),
        ({"moves": 1.0}, {EXACT: 1}),
        ({"moves": 0.5, "drops": 0.3, "reorders": 0.3, "inflects": 0.3}, {MARKS: 10}),
    ],
)
def test_no_answer_is_placed_wrongly(rates, least):
    ways, wrong = place_all(Spoiler(1, **rates))
    assert not wrong, (len(wrong), wrong[:3])
    assert all(ways[way] >= count for way, count in least.items()), ways


@pytest.mark.parametrize(
    "sentence, wanted, found",
    [
        ("Der Hund sah den Hund.", "Hund", [("Hund", EXACT), ("Hund", EXACT)]),
        ("Die Hunde schlafen.", "hunde", [("Hunde", EXACT)]),
        ("Die Hundehütte", "Hund", []),
        ("Er sah die großen Hunde an.", "große Hunde", [("großen Hunde", NEAR)]),
        ("Es war 1946 in Rom.", "1945", []),
        ("Es war Anno 1946 in Rom.", "Anno 1945", []),
        ("Er sprach", "", []),
        ("他在北京大學讀書。", "北京大學", [("北京大學", EXACT)]),
        ("İstanbul'da Ağa", "AĞA", [("Ağa", EXACT)]),
        ("um $5 Millionen (2–1)", "$5 Millionen", [("$5 Millionen", EXACT)]),
        ("um 3 (2–1) zu", "(2–1)", [("(2–1)", EXACT)]),
    ],
)
def test_nearest_places(sentence, wanted, found):
    places = nearest(sentence, wanted, LIMIT)
    assert [(sentence[x.begin : x.end], x.way) for x in places] == found


def test_marks_that_contradict_the_answer_are_not_trusted():
    moved = unmark("a [ bb cc ] dd bb", BRACKETS, 1)
    # It stands in the marked part, once; or twice in all, of which no place is marked.
    assert place_answer(moved, "", "cc", LIMIT)[:2] == (5, 7)
    assert place_answer(moved, "", "dd", LIMIT) is None
    assert place_answer(moved, "", "xx", LIMIT) is None
    assert place_answer(moved, "", "xx yy", LIMIT) is None
    assert place_answer(moved, "", "bb cc", LIMIT).way == MARKS


def naive_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(
        naive_distance(a[1:], b) + 1,
        naive_distance(a, b[1:]) + 1,
        naive_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


TEXTS = st.text("abc", max_size=4)


@given(TEXTS, TEXTS)
def test_distance_is_the_naive_one(a, b):
    assert edit_distance(a, b) == naive_distance(a, b)


def test_folded_text_has_as_many_characters():
    # U+0130 and the sharp s become two, alone and among others.
    text = "".join(map(chr, range(0x2000)))
    assert len(fold(text)) == len(text) and len(text.casefold()) > len(text)
    assert not re.search("[A-Z]", fold(text))
