"""What can be seen of translations without knowing their language."""

from collections import defaultdict
from typing import Dict, Iterable, Optional, Sequence, Set, Tuple

import numpy as np
from sacrebleu.metrics import CHRF

from fairseq_xling.analysis.translated_rows import Text, TranslatedRow
from fairseq_xling.families.scripts import UNSPACED
from fairseq_xling.families.tagging.raw import split_words

# Of shorter texts a ratio of lengths says little.
LEAST_CHARACTERS = 20
# A ratio is outlying that is so many times the median, or this part of it.
FACTOR = 2.0
# Shorter words of two languages are often alike, such as "no".
LEAST_LETTERS = 4
PERCENTILES = (5, 25, 50, 75, 95)

SCORER = CHRF()


def distinct_texts(rows: Iterable[TranslatedRow]) -> Dict[Text, str]:
    """Each text once, in order, with the place where it stands first."""
    found: Dict[Text, str] = {}
    for row in rows:
        for text in row.texts:
            found.setdefault(text, row.place)
    return found


def length_ratios(texts: Iterable[Text]) -> np.ndarray:
    """Lengths of translations by those of their sources.

    Returns:
        in characters and in words, ``(2, texts)``.
    """
    ratios = [
        (
            len(text.translation) / len(text.source),
            count_words(text.translation) / count_words(text.source),
        )
        for text in texts
    ]
    return np.array(ratios, float).reshape(-1, 2).T


def count_words(text: str) -> int:
    """At least one; of scripts without spaces, each character is one."""
    return max(len(split_words(text)), 1)


def outlying(texts: Sequence[Text], ratios: np.ndarray) -> np.ndarray:
    """Which texts are much longer or shorter than the others, bool ``(texts,)``.

    Args:
        ratios: in characters, ``(texts,)``.
    """
    if not len(texts):
        return np.zeros(0, bool)
    relative = ratios / np.median(ratios)
    return long_enough(texts) & ((relative >= FACTOR) | (relative <= 1 / FACTOR))


def long_enough(texts: Sequence[Text]) -> np.ndarray:
    """Of which the ratio of lengths says something, bool ``(texts,)``."""
    longest = [max(len(text.source), len(text.translation)) for text in texts]
    return np.array(longest, int) >= LEAST_CHARACTERS


def untranslated(texts: Iterable[Text]) -> Tuple[int, int]:
    """How many words of sources stand in their translations, and how many there are.

    Names are left out, as far as capitals tell them, and so are numbers and short
    words.
    """
    kept = words = 0
    for text in texts:
        counted = list(filter(is_counted, split_words(text.source)))
        there = set(split_words(text.translation))
        kept += sum(word in there for word in counted)
        words += len(counted)
    return kept, words


def is_counted(word: str) -> bool:
    """Whether a word should be another one in another language."""
    is_long = len(word) >= LEAST_LETTERS or UNSPACED.match(word) is not None
    return is_long and word == word.lower() and any(map(str.isalpha, word))


def repeated(texts: Iterable[Text]) -> Dict[str, Set[str]]:
    """The translations that several sources have, with these."""
    sources: Dict[str, Set[str]] = defaultdict(set)
    for text in texts:
        sources[text.translation].add(text.source)
    return {text: found for text, found in sources.items() if len(found) > 1}


def round_trip(text: Text) -> float:
    """ChrF of a text's back-translation against the text itself."""
    return SCORER.sentence_score(text.back or "", [text.source]).score


def row_score(texts: Sequence[Text], scores: Dict[Text, float]) -> Optional[float]:
    """ChrF of a row, the mean of its texts' by their lengths; None without any."""
    held = [text for text in texts if text in scores]
    if not held:
        return None
    weights = [len(text.source) for text in held]
    return float(np.average([scores[text] for text in held], weights=weights))


def summary(values: np.ndarray) -> Optional[Dict[str, float]]:
    """Percentiles by name, ``p50`` for the median; None of nothing."""
    if not len(values):
        return None
    return {f"p{part}": float(np.percentile(values, part)) for part in PERCENTILES}
