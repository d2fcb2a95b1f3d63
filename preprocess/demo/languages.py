"""Languages derived from the source at chosen distances, and a noisy translator."""

from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Set

import numpy as np
from demo.grammar import (
    ADJECTIVES,
    NEGATORS,
    NOUNS,
    PLACES,
    POLES,
    QUESTION_WORDS,
    VERBS,
    VOCABULARY,
    Clause,
    Item,
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


class Token(NamedTuple):
    """A word of a sentence.

    Attributes:
        word: its form in the language.
        tag: its part of speech, a Universal POS tag.
        phrase: the slot of the clause whose phrase it belongs to; a place's phrase is
            without its preposition, which has none.
    """

    word: str
    tag: str
    phrase: str = ""


class Speaker:
    """Says clauses in one language.

    Args:
        language: the language, or None for the source.
        seed: of the made-up words.
    """

    def __init__(self, language: Optional[Language], seed: int) -> None:
        self.language = language or Language(SOURCE, anchors=1.0)
        codes = [SOURCE] + [target.code for target in TARGETS]
        number = codes.index(self.language.code)
        generator = np.random.default_rng((seed, number))
        self.words = self._make_words(generator, VOCABULARY, set(VOCABULARY))
        # A generator of their own, so that the other words are the same without them.
        generator = np.random.default_rng((seed, 16, number))
        asking = tuple(QUESTION_WORDS.values())
        taken = {*VOCABULARY, *self.words.values(), *asking}
        self.question_words = self._make_words(generator, asking, taken)

    def _make_words(
        self, generator: np.random.Generator, vocabulary: Sequence[str], taken: Set[str]
    ) -> Dict[str, str]:
        words: Dict[str, str] = {}
        order = generator.permutation(len(vocabulary))
        shared = set(order[: round(self.language.anchors * len(vocabulary))])
        for index, word in enumerate(vocabulary):
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
        return [token.word for token in self.parse(clause)]

    def parse(self, clause: Clause) -> List[Token]:
        """The words of a sentence, in order, with what they are."""
        return sum(self._phrases(clause).values(), [])

    def ask(self, clause: Clause, phrase: str) -> List[Token]:
        """The words of a question, in order, with what they are.

        The question word stands first, but in its phrase's own place where verbs are
        last.

        Args:
            clause: the statement asked about, with a verb.
            phrase: the slot asked for, one of ``QUESTION_WORDS``.
        """
        phrases = self._phrases(clause)
        word = self.question_words[QUESTION_WORDS[phrase]]
        tag = "ADV" if phrase == "place" else "PRON"
        phrases[phrase] = [Token(word, tag, phrase)]
        if self.language.verb_last:
            return sum(phrases.values(), [])
        return phrases.pop(phrase) + sum(phrases.values(), [])

    def _phrases(self, clause: Clause) -> Dict[str, List[Token]]:
        """A sentence's phrases by slot, in order."""
        words = self.words
        negator = (
            [] if clause.negator is None else [Token(words[clause.negator], "ADV")]
        )
        if clause.verb is None:
            subject = self._noun_phrase("subject", clause.subject)
            verb = [Token(words["is"], "AUX"), *negator]
            key, rest = "adjective", [Token(words[str(clause.adjective)], "ADJ")]
        else:
            subject = self._noun_phrase("subject", clause.subject, clause.adjective)
            verb = [*negator, Token(words[clause.verb], "VERB", "verb")]
            suffix = self.language.object_suffix
            key = "object"
            rest = self._noun_phrase(key, str(clause.object), suffix=suffix)
        if self.language.verb_last:
            phrases = {"subject": subject, key: rest, "verb": verb}
        else:
            phrases = {"subject": subject, "verb": verb, key: rest}
        if clause.place is not None:
            place = self._noun_phrase("place", clause.place)
            phrases["place"] = [Token(words["in"], "ADP"), *place]
        return phrases

    def _noun_phrase(
        self, slot: str, noun: str, adjective: Optional[str] = None, suffix: str = ""
    ) -> List[Token]:
        drops = self.language.drops_article
        article = [] if drops else [Token(self.words["the"], "DET", slot)]
        core = [Token(self.words[noun] + suffix, "NOUN", slot)]
        if adjective is not None:
            described = [Token(self.words[adjective], "ADJ", slot)]
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

    def misread(self, clause: Clause) -> Clause:
        """Exchange words: by a synonym twice as often as by a wrong word."""
        changes: Dict[str, str] = {}
        draw = self.generator.random
        for slot, words in WORDS_OF.items():
            if getattr(clause, slot) is None:
                continue
            if draw() < self.rate / 2:
                changes[slot] = pick(self.generator, words)
            elif getattr(clause, slot) in POLES.get(slot, ()) and draw() < self.rate:
                same = related(slot, getattr(clause, slot), "entailment")
                changes[slot] = pick(self.generator, same)
        return replace(clause, **changes)

    def swap(self, words: Sequence[Item]) -> List[Item]:
        """Exchange neighbouring words."""
        swapped = list(words)
        for i in range(len(swapped) - 1):
            if self.generator.random() < self.rate / 2:
                swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        return swapped


def translate_through(
    translators: Sequence[Translator],
    clause: Clause,
    speaker: Speaker,
    asked: Optional[str] = None,
) -> List[Token]:
    """Say a clause through one noisy translation or several.

    Args:
        translators: of the steps; the last one translates into the speaker's language.
        clause: what to say.
        speaker: of the last step.
        asked: the phrase to ask for, for a question; None for a statement.
    """
    for translator in translators:
        clause = translator.misread(clause)
    said = speaker.parse(clause) if asked is None else speaker.ask(clause, asked)
    return translators[-1].swap(said)
