"""Languages derived from the source at chosen distances, and a noisy translator."""

from dataclasses import dataclass, replace
from typing import Dict, List, Optional

import numpy as np
from demo.grammar import (
    ADJECTIVES,
    NEGATORS,
    NOUNS,
    PLACES,
    POLES,
    VERBS,
    VOCABULARY,
    Clause,
    pick,
    related,
)

SOURCE = "en"
ONSETS = "b d f g h k l m n p r s t v z br dr gr kl pl st tr".split()
VOWELS = "a e i o u ai au".split()
WORDS_OF = {
    "subject": NOUNS,
    "adjective": ADJECTIVES,
    "verb": VERBS,
    "object": NOUNS,
    "place": PLACES,
    "negator": NEGATORS,
}


@dataclass(frozen=True)
class Language:
    """How a language differs from the source.

    Attributes:
        code: its name, a private-use code.
        anchors: share of the words that it has in common with the source.
        verb_last: subject, object, verb instead of subject, verb, object.
        adjective_last: adjectives behind their nouns.
        object_suffix: ending of the object.
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
        negator = [] if clause.negator is None else [self.words[clause.negator]]
        if clause.verb is None:
            subject = self._noun_phrase(clause.subject, None, "")
            verb = [self.words["is"], *negator]
            rest = [self.words[str(clause.adjective)]]
        else:
            subject = self._noun_phrase(clause.subject, clause.adjective, "")
            verb = [*negator, self.words[clause.verb]]
            suffix = self.language.object_suffix
            rest = self._noun_phrase(str(clause.object), None, suffix)
        words = subject + (rest + verb if self.language.verb_last else verb + rest)
        if clause.place is not None:
            words += [self.words["in"]] + self._noun_phrase(clause.place, None, "")
        return words

    def _noun_phrase(self, noun: str, adjective: Optional[str], suffix: str) -> list:
        article = [] if self.language.drops_article else [self.words["the"]]
        core = [self.words[noun] + suffix]
        if adjective is not None:
            described = [self.words[adjective]]
            core = (
                core + described if self.language.adjective_last else described + core
            )
        return article + core


class Translator:
    """Translates with errors: other words, and swapped neighbours.

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
        """Exchange words: by a synonym twice as often as by a wrong word."""
        changes: Dict[str, str] = {}
        draw = self.generator.random
        for slot, words in WORDS_OF.items():
            if getattr(clause, slot) is None:
                continue
            if draw() < self.rate / 2:
                changes[slot] = pick(self.generator, words)
            elif slot in POLES and draw() < self.rate:
                same = related(slot, getattr(clause, slot), "entailment")
                changes[slot] = pick(self.generator, same)
        return replace(clause, **changes)

    def swap(self, words: List[str]) -> List[str]:
        """Exchange neighbouring words."""
        words = list(words)
        for i in range(len(words) - 1):
            if self.generator.random() < self.rate / 2:
                words[i], words[i + 1] = words[i + 1], words[i]
        return words
