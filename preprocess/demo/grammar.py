"""A small English-like grammar: scenes, sentences, and pairs whose label is known.

The hypothesis of a pair is drawn first and by itself; the premise is then made from it,
so that the hypothesis alone says nothing about the label. In every pair exactly one
word of the hypothesis is not in the premise; how that word relates to what stands there
instead (same meaning, opposite, or unrelated) is the label.
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
TIMES = ("today", "yesterday", "tonight")
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
VOCABULARY = FUNCTION_WORDS + NOUNS + ADJECTIVES + VERBS + PLACES + TIMES


@dataclass(frozen=True)
class Clause:
    """What a sentence says. Without object it is ``subject is [not] subject_adj``."""

    subject: str
    subject_adj: Optional[str] = None
    verb: Optional[str] = None
    object: Optional[str] = None
    object_adj: Optional[str] = None
    place: Optional[str] = None
    time: Optional[str] = None
    negated: bool = False


SLOTS = {
    "subject": "noun",
    "subject_adj": "adjective",
    "verb": "verb",
    "object": "noun",
    "object_adj": "adjective",
}


def pick(generator: np.random.Generator, words) -> str:
    """Choose one of some words."""
    return words[int(generator.integers(len(words)))]


def draw_clause(generator: np.random.Generator) -> Clause:
    """Draw a sentence with subject, verb and object, each part by itself."""

    def maybe(words, probability: float) -> Optional[str]:
        return pick(generator, words) if generator.random() < probability else None

    def noun() -> str:
        general = generator.random() < 0.25
        return pick(generator, tuple(NOUN_CLASSES) if general else tuple(CLASS_OF))

    return Clause(
        subject=noun(),
        subject_adj=maybe(ADJECTIVES, 0.7),
        verb=pick(generator, VERBS),
        object=noun(),
        object_adj=maybe(ADJECTIVES, 0.5),
        place=maybe(PLACES, 0.3),
        time=maybe(TIMES, 0.2),
    )


def related(kind: str, word: str, relation: str) -> List[str]:
    """Words of the premise that stand in a relation to one of the hypothesis.

    Args:
        kind: ``"adjective"``, ``"verb"`` or ``"noun"``.
        word: the hypothesis's word.
        relation: a label; ``"entailment"`` means that the premise's word implies it.
    """
    if kind == "noun":
        if relation == "entailment":
            return list(NOUN_CLASSES.get(word, ()))
        if relation == "contradiction":
            return []
        own = CLASS_OF.get(word, word)
        others = [noun for noun in NOUNS if CLASS_OF.get(noun, noun) != own]
        return others + ([own] * 5 if word in CLASS_OF else [])
    scale, pole = POLES[kind][word]
    if relation == "entailment":
        return [other for other in SCALES[kind][scale][pole] if other != word]
    if relation == "contradiction":
        return list(SCALES[kind][scale][1 - pole])
    return [other for other, (i, _) in POLES[kind].items() if i != scale]


def draw_pair(generator: np.random.Generator, label: str) -> Tuple[Clause, Clause]:
    """Draw premise and hypothesis whose relation is ``label``."""
    hypothesis = draw_clause(generator)
    premise = _add_details(generator, hypothesis)
    slots = [
        slot
        for slot, kind in SLOTS.items()
        if getattr(hypothesis, slot) is not None
        and related(kind, getattr(hypothesis, slot), label)
    ]
    slot = pick(generator, slots)
    words = related(SLOTS[slot], getattr(hypothesis, slot), label)
    return replace(premise, **{slot: pick(generator, words)}), hypothesis


def _add_details(generator: np.random.Generator, clause: Clause) -> Clause:
    details = {
        "subject_adj": ADJECTIVES,
        "object_adj": ADJECTIVES,
        "place": PLACES,
        "time": TIMES,
    }
    added = {
        slot: pick(generator, words)
        for slot, words in details.items()
        if getattr(clause, slot) is None and generator.random() < 0.4
    }
    return replace(clause, **added)


def paraphrase(generator: np.random.Generator, clause: Clause) -> Clause:
    """Say it again: some words by others of the same meaning, some details left out."""
    changes: Dict[str, Optional[str]] = {}
    for slot, kind in SLOTS.items():
        word = getattr(clause, slot)
        if word is None or generator.random() < 0.5:
            continue
        if kind == "noun":
            changes[slot] = CLASS_OF.get(word, word)
        else:
            changes[slot] = pick(generator, related(kind, word, "entailment"))
    for slot in ("place", "time"):
        if generator.random() < 0.5:
            changes[slot] = None
    return replace(clause, **changes)


def draw_document(generator: np.random.Generator) -> List[Clause]:
    """Draw some sentences about one scene, as running text has them."""
    scene = draw_clause(generator)
    document = [scene, paraphrase(generator, scene)]
    for noun, adjective in (
        (scene.subject, scene.subject_adj),
        (scene.object, scene.object_adj),
    ):
        if adjective is None or noun is None:
            continue
        negated = bool(generator.random() < 0.5)
        relation = "contradiction" if negated else "entailment"
        said = pick(generator, related("adjective", adjective, relation))
        document.append(Clause(noun, said, negated=negated))
    return document
