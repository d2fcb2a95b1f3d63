"""Texts that a user should read: the worst of a file of translations."""

from typing import Dict, List, NamedTuple, Sequence, Set

import numpy as np

from fairseq_xling.analysis.translated_rows import Text
from fairseq_xling.analysis.translation_measures import long_enough
from fairseq_xling.tables import decimals

# Of each kind.
MOST = 5
# Characters of a text that are shown.
LONGEST = 200


class Example(NamedTuple):
    """A text, and what is said of it.

    Attributes:
        place: where it stands first.
    """

    value: float
    place: str
    text: Text


class Examples(NamedTuple):
    """Those of one kind: what they are, and the decimals of their values."""

    title: str
    places: int
    found: List[Example]


def worst_texts(
    places: Dict[Text, str],
    ratios: np.ndarray,
    scores: Dict[Text, float],
    shared: Dict[str, Set[str]],
) -> List[Examples]:
    """The texts that are most likely bad, each kind's worst first.

    Args:
        places: texts, and where each stands.
        ratios: of lengths in characters, ``(texts,)``.
        scores: the chrF of those that have one.
        shared: translations of several sources.
    """
    texts = list(places)
    by_ratio = np.argsort(ratios, kind="stable")
    by_ratio = by_ratio[long_enough(texts)[by_ratio]]

    def of_ratio(order: np.ndarray) -> List[Example]:
        return [Example(ratios[i], places[texts[i]], texts[i]) for i in order[:MOST]]

    of_score = [Example(x, places[text], text) for text, x in scores.items()]
    lowest = sorted(of_score, key=lambda one: one.value)[:MOST]
    first: Dict[str, Text] = {}
    for text in texts:
        if text.translation in shared:
            first.setdefault(text.translation, text)
    often = sorted(first, key=lambda one: -len(shared[one]))[:MOST]
    return [
        Examples("lowest chrF", 1, lowest),
        Examples("longest for their source", 2, of_ratio(by_ratio[::-1])),
        Examples("shortest for their source", 2, of_ratio(by_ratio)),
        Examples(
            "translations of the most sources, the first of which is shown",
            0,
            [Example(len(shared[x]), places[first[x]], first[x]) for x in often],
        ),
    ]  # fmt: skip


def examples_list(title: str, examples: Sequence[Examples]) -> str:
    """Those of a file of translations, in Markdown; blank where there are none."""
    lists = []
    for one in examples:
        lines = [
            f"- {decimals(example.value, one.places)}, {example.place}: "
            + " → ".join(shorten(text) for text in example.text if text is not None)
            for example in one.found
        ]
        if lines:
            lists.append("\n".join([f"\n{title}: {one.title}", "", *lines, ""]))
    return "".join(lists)


def shorten(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
