"""A small English-like grammar: scenes, sentences, and pairs whose label is known.

The hypothesis of a pair is drawn first and by itself; the premise is then made from it,
so that the hypothesis alone says nothing about the label. In every pair exactly one
word of the hypothesis, its adjective or its verb, is not in the premise; how it relates
to what stands there instead (same meaning, opposite, or unrelated) is the label.
"""

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

import numpy as np

# Each scale has two opposite poles; the words of a pole mean the same.
ADJECTIVE_SCALES = [
    (("big", "large"), ("small", "little")),
    (("fast", "quick"), ("slow", "sluggish")),
    (("happy", "glad"), ("sad", "gloomy")),
    (("clean", "tidy"), ("dirty", "messy")),
]
VERB_SCALES = [
    (("likes", "loves"), ("hates", "dislikes")),
    (("finds", "discovers"), ("loses", "misplaces")),
    (("helps", "assists"), ("harms", "hurts")),
    (("shows", "reveals"), ("hides", "conceals")),
]
# A class word, and words for its members.
NOUN_CLASSES = {
    "animal": ("dog", "cat", "horse"),
    "person": ("teacher", "doctor", "farmer"),
    "vehicle": ("car", "truck", "train"),
    "food": ("apple", "bread", "cheese"),
}
PLACES = ("garden", "kitchen", "market", "forest")
FUNCTION_WORDS = ("the", "in", "is", "not")

LABELS = ("entailment", "neutral", "contradiction")
CLASS_OF = {noun: name for name, members in NOUN_CLASSES.items() for noun in members}
NOUNS = tuple(CLASS_OF) + tuple(NOUN_CLASSES)


def _poles(scales) -> Dict[str, Tuple[int, int]]:
    return {
        word: (i, j)
        for i, scale in enumerate(scales)
        for j, pole in enumerate(scale)
        for word in pole
    }


POLES = {"adjective": _poles(ADJECTIVE_SCALES), "verb": _poles(VERB_SCALES)}
SCALES = {"adjective": ADJECTIVE_SCALES, "verb": VERB_SCALES}
ADJECTIVES, VERBS = tuple(POLES["adjective"]), tuple(POLES["verb"])
VOCABULARY = FUNCTION_WORDS + NOUNS + ADJECTIVES + VERBS + PLACES


@dataclass(frozen=True)
class Clause:
    """What a sentence says. Without verb it is ``subject is [not] adjective``."""

    subject: str
    adjective: str
    verb: Optional[str] = None
    object: Optional[str] = None
    place: Optional[str] = None
    negated: bool = False


def pick(generator: np.random.Generator, words) -> str:
    """Choose one of some words."""
    return words[int(generator.integers(len(words)))]


def draw_clause(generator: np.random.Generator) -> Clause:
    """Draw a sentence with subject, verb and object, each part by itself."""

    def noun() -> str:
        general = generator.random() < 0.25
        return pick(generator, tuple(NOUN_CLASSES) if general else tuple(CLASS_OF))

    return Clause(
        subject=noun(),
        adjective=pick(generator, ADJECTIVES),
        verb=pick(generator, VERBS),
        object=noun(),
        place=pick(generator, PLACES) if generator.random() < 0.3 else None,
    )


def related(kind: str, word: str, relation: str) -> List[str]:
    """Words that stand in a relation to another.

    Args:
        kind: ``"adjective"`` or ``"verb"``.
        word: the other word.
        relation: ``"entailment"`` for the same meaning, ``"contradiction"`` for the
            opposite, ``"neutral"`` for words of other scales.
    """
    scale, pole = POLES[kind][word]
    if relation == "entailment":
        return [other for other in SCALES[kind][scale][pole] if other != word]
    if relation == "contradiction":
        return list(SCALES[kind][scale][1 - pole])
    return [other for other, (i, _) in POLES[kind].items() if i != scale]


def draw_pair(generator: np.random.Generator, label: str) -> Tuple[Clause, Clause]:
    """Draw premise and hypothesis whose relation is ``label``."""
    hypothesis = draw_clause(generator)
    premise = hypothesis
    if premise.place is None and generator.random() < 0.3:
        premise = replace(premise, place=pick(generator, PLACES))
    slot = pick(generator, ("adjective", "verb"))
    words = related(slot, getattr(hypothesis, slot), label)
    return replace(premise, **{slot: pick(generator, words)}), hypothesis


def paraphrase(generator: np.random.Generator, clause: Clause) -> Clause:
    """Say it again: some words by others of the same meaning, the place left out."""
    changes: Dict[str, str] = {}
    for slot in ("adjective", "verb"):
        if generator.random() < 0.5:
            words = related(slot, getattr(clause, slot), "entailment")
            changes[slot] = pick(generator, words)
    for slot in ("subject", "object"):
        noun = getattr(clause, slot)
        if generator.random() < 0.5:
            changes[slot] = CLASS_OF.get(noun, noun)
    return replace(clause, place=None, **changes)


def draw_document(generator: np.random.Generator) -> List[Clause]:
    """Draw three sentences about one scene, as running text has them."""
    scene = draw_clause(generator)
    negated = bool(generator.random() < 0.5)
    relation = "contradiction" if negated else "entailment"
    said = pick(generator, related("adjective", scene.adjective, relation))
    description = Clause(scene.subject, said, negated=negated)
    return [scene, paraphrase(generator, scene), description]
