"""Words and texts in scripts with and without spaces between words."""

import re
from typing import List, Sequence, Tuple

# Chinese and Japanese; Thai, Lao, Burmese and Khmer.
UNSPACED = re.compile(
    r"[\u2e80-\u303f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\uff00-\uffef\U00020000-\U0003ffff"
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
Span = Tuple[int, int]


def needs_space(left: str, right: str) -> bool:
    """Whether a space stands between two texts, neither of which has one there."""
    if not left or not right:
        return False
    return not (UNSPACED.match(left[-1]) or UNSPACED.match(right[0]))


def join_words(words: Sequence[str]) -> Tuple[str, List[Span]]:
    """Words as running text, with spaces between those of scripts that have some.

    Returns:
        the text, and the characters of each word in it.
    """
    text, spans = "", []
    for word in words:
        text += " " * needs_space(text, word)
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, spans
