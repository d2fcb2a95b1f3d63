"""A small English-like grammar: scenes, sentences, and pairs whose label is known.

A hypothesis is made from its premise. It follows from it where a noun is replaced by a
more general one; it is neutral where a place is added that the premise does not name;
it contradicts where its verb is negated. As in natural language inference data, the
words that do this give much away to a reader of the hypothesis alone. In a part of the
pairs an adjective is exchanged instead (same meaning, unrelated, opposite), which only
a reader of both sentences can tell apart.
"""

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple, TypeVar

import numpy as np

Item = TypeVar("Item")

# Each scale has two opposite poles; the words of a pole mean the same.
ADJECTIVE_SCALES = [
    (("big", "large"), ("small", "little")),
    (("fast", "quick"), ("slow", "sluggish")),
    (("clean", "tidy"), ("dirty", "messy")),
]
VERB_SCALES = [
    (("likes", "loves"), ("hates", "dislikes")),
    (("finds", "discovers"), ("loses", "misplaces")),
    (("helps", "assists"), ("harms", "hurts")),
]
# A class word, and words for its members.
NOUN_CLASSES = {
    "animal": ("dog", "cat", "horse"),
    "person": ("teacher", "doctor", "farmer"),
    "vehicle": ("car", "truck", "train"),
    "food": ("apple", "bread", "cheese"),
    "tool": ("hammer", "knife", "saw"),
    "garment": ("shirt", "coat", "hat"),
    "plant": ("rose", "oak", "fern"),
    "vessel": ("cup", "bowl", "jar"),
}
PLACES = (
    *("garden", "kitchen", "market", "forest", "school"),
    *("harbor", "station", "village", "tower", "valley"),
)
NEGATORS = ("not", "never", "hardly", "rarely", "seldom", "scarcely")
FUNCTION_WORDS = ("the", "in", "is")
# What a question asks for, and the word that stands for it.
QUESTION_WORDS = {"subject": "who", "object": "what", "place": "where"}

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
VOCABULARY = FUNCTION_WORDS + NOUNS + ADJECTIVES + VERBS + PLACES + NEGATORS


@dataclass(frozen=True)
class Clause:
    """What a sentence says. Without verb it is ``subject is [negator] adjective``."""

    subject: str
    adjective: Optional[str] = None
    verb: Optional[str] = None
    object: Optional[str] = None
    place: Optional[str] = None
    negator: Optional[str] = None


def pick(generator: np.random.Generator, words: Sequence[Item]) -> Item:
    """Choose one of some words, or of other things."""
    return words[int(generator.integers(len(words)))]


def draw_scene(generator: np.random.Generator) -> Clause:
    """Draw a sentence with adjective, subject, verb and object."""
    members = tuple(CLASS_OF)
    return Clause(
        subject=pick(generator, members),
        adjective=pick(generator, ADJECTIVES),
        verb=pick(generator, VERBS),
        object=pick(generator, members),
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


def draw_pair(
    generator: np.random.Generator, label: str, exchanged: float = 0.1
) -> Tuple[Clause, Clause]:
    """Draw premise and hypothesis whose relation is ``label``.

    Args:
        generator: source of randomness.
        label: one of ``LABELS``.
        exchanged: share of the pairs whose adjective is exchanged.
    """
    premise = draw_scene(generator)
    if generator.random() < exchanged:
        words = related("adjective", str(premise.adjective), label)
        return premise, replace(premise, adjective=pick(generator, words))
    if label == "entailment":
        slot = pick(generator, ("subject", "object"))
        general = CLASS_OF[getattr(premise, slot)]
        hypothesis = replace(premise, **{slot: general})
    elif label == "neutral":
        hypothesis = replace(premise, place=pick(generator, PLACES))
    else:
        hypothesis = replace(premise, negator=pick(generator, NEGATORS))
    if generator.random() < 0.3:
        hypothesis = replace(hypothesis, adjective=None)
    return premise, hypothesis


def paraphrase(generator: np.random.Generator, clause: Clause) -> Clause:
    """Say it again: some words by others of the same meaning or more general ones."""
    changes: Dict[str, str] = {}
    for slot in ("adjective", "verb"):
        if generator.random() < 0.5:
            words = related(slot, getattr(clause, slot), "entailment")
            changes[slot] = pick(generator, words)
    for slot in ("subject", "object"):
        if generator.random() < 0.5:
            changes[slot] = CLASS_OF[getattr(clause, slot)]
    return replace(clause, **changes)


def draw_document(generator: np.random.Generator) -> List[Clause]:
    """Draw three sentences about one scene, as running text has them."""
    scene = draw_scene(generator)
    if generator.random() < 0.6:
        scene = replace(scene, place=pick(generator, PLACES))
    if generator.random() < 0.4:
        scene = replace(scene, negator=pick(generator, NEGATORS))
    denied = generator.random() < 0.5
    relation = "contradiction" if denied else "entailment"
    description = Clause(
        scene.subject,
        pick(generator, related("adjective", str(scene.adjective), relation)),
        negator=pick(generator, NEGATORS) if denied else None,
    )
    return [scene, paraphrase(generator, scene), description]
