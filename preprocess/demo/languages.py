"""Languages derived from the source at chosen distances, and a noisy translator."""

from dataclasses import dataclass, replace
from typing import Dict, List, Optional

import numpy as np
from demo.grammar import (
    ADJECTIVES,
    NOUNS,
    PLACES,
    SLOTS,
    TIMES,
    VERBS,
    VOCABULARY,
    Clause,
    pick,
    related,
)

SOURCE = "en"
ONSETS = "b d f g h k l m n p r s t v z br dr gr kl pl st tr".split()
VOWELS = "a e i o u ai au".split()
WORDS_OF = {"noun": NOUNS, "adjective": ADJECTIVES, "verb": VERBS}


@dataclass(frozen=True)
class Language:
    """How a language differs from the source.

    Attributes:
        code: its name, a private-use code.
        anchors: share of the words that it has in common with the source.
        verb_last: subject, object, verb instead of subject, verb, object.
        adjective_last: adjectives behind their nouns.
        object_suffix: ending of the object and its adjective.
        drops_article: it has no article.
    """

    code: str
    anchors: float
    verb_last: bool = False
    adjective_last: bool = False
    object_suffix: str = ""
    drops_article: bool = False


# From near to far.
TARGETS = (
    Language("qaa", anchors=0.8),
    Language("qab", anchors=0.6, adjective_last=True),
    Language("qac", anchors=0.45, adjective_last=True, object_suffix="en"),
    Language("qad", anchors=0.3, verb_last=True, object_suffix="um"),
    Language("qae", 0.2, True, True, "ak", drops_article=True),
)


class Speaker:
    """Says clauses in one language.

    Args:
        language: the language, or None for the source.
        seed: of the made-up words.
    """

    def __init__(self, language: Optional[Language], seed: int) -> None:
        self.language = language or Language(SOURCE, anchors=1.0)
        codes = [SOURCE] + [target.code for target in TARGETS]
        generator = np.random.default_rng((seed, codes.index(self.language.code)))
        self.words = self._make_words(generator)

    def _make_words(self, generator: np.random.Generator) -> Dict[str, str]:
        words: Dict[str, str] = {}
        taken = set(VOCABULARY)
        order = generator.permutation(len(VOCABULARY))
        shared = set(order[: round(self.language.anchors * len(VOCABULARY))])
        for index, word in enumerate(VOCABULARY):
            if index in shared:
                words[word] = word
                continue
            made = word
            while made in taken:
                syllables = int(generator.integers(2, 4))
                made = "".join(
                    pick(generator, ONSETS) + pick(generator, VOWELS)
                    for _ in range(syllables)
                )
            taken.add(made)
            words[word] = made
        return words

    def say(self, clause: Clause) -> List[str]:
        """The words of a sentence, in order."""
        verb_last = self.language.verb_last
        subject = self._noun_phrase(clause.subject, None, "")
        if clause.verb is None:
            middle = [self.words["is"]] + [self.words["not"]] * clause.negated
            rest = [self.words[str(clause.subject_adj)]]
            parts = [subject, rest, middle] if verb_last else [subject, middle, rest]
            return sum(parts, [])
        subject = self._noun_phrase(clause.subject, clause.subject_adj, "")
        suffix = self.language.object_suffix
        object_ = self._noun_phrase(str(clause.object), clause.object_adj, suffix)
        verb = [self.words[clause.verb]]
        parts = [subject, object_, verb] if verb_last else [subject, verb, object_]
        if clause.place is not None:
            parts.append([self.words["in"]] + self._noun_phrase(clause.place, None, ""))
        if clause.time is not None:
            parts.append([self.words[clause.time]])
        return sum(parts, [])

    def _noun_phrase(self, noun: str, adjective: Optional[str], suffix: str) -> list:
        article = [] if self.language.drops_article else [self.words["the"]]
        core = [self.words[noun] + suffix]
        if adjective is not None:
            described = [self.words[adjective] + suffix]
            core = (
                core + described if self.language.adjective_last else described + core
            )
        return article + core


class Translator:
    """Translates with errors: other words, lost details, swapped neighbours.

    Args:
        rate: errors of each kind, in proportion; 0 makes none.
        generator: of the errors.
    """

    def __init__(self, rate: float, generator: np.random.Generator) -> None:
        self.rate = rate
        self.generator = generator

    def translate(self, clause: Clause, speaker: Speaker) -> List[str]:
        """Say a clause in a language, with errors."""
        return self.swap(speaker.say(self.misread(clause)))

    def misread(self, clause: Clause) -> Clause:
        """Exchange and lose words: a synonym twice as often as a wrong word."""
        changes: Dict[str, Optional[str]] = {}
        draw = self.generator.random
        for slot, kind in SLOTS.items():
            word = getattr(clause, slot)
            if word is None:
                continue
            luck = draw() / self.rate if self.rate else 9.0
            if luck < 0.5:
                changes[slot] = pick(self.generator, WORDS_OF[kind])
            elif luck < 1.5 and related(kind, word, "entailment"):
                same = related(kind, word, "entailment")
                changes[slot] = pick(self.generator, same)
            elif luck < 2.0 and slot.endswith("_adj"):
                changes[slot] = None
        for slot, words in (("place", PLACES), ("time", TIMES)):
            if getattr(clause, slot) is not None and draw() < self.rate:
                changes[slot] = pick(self.generator, words)
        return replace(clause, **changes)

    def swap(self, words: List[str]) -> List[str]:
        """Exchange neighbouring words."""
        words = list(words)
        for i in range(len(words) - 1):
            if self.generator.random() < self.rate / 2:
                words[i], words[i + 1] = words[i + 1], words[i]
        return words
