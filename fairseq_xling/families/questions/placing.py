"""Where the answer stands in a translated passage."""

import re
from typing import List, NamedTuple, Optional

from fairseq_xling.families.marks import Unmarked
from fairseq_xling.families.scripts import UNSPACED
from fairseq_xling.families.similarity import edit_distance, is_near

MARKS, EXACT, NEAR = "answers by marks", "exact", "near"
# Edits that make an answer's translation by itself what is marked, a share of that.
ALIKE = 0.5
# A word, of scripts without spaces a character; or a mark.
TOKEN = re.compile(rf"{UNSPACED.pattern}|[^\W_]+|\S")


class Place(NamedTuple):
    """A part of a sentence, and by which way it was found."""

    begin: int
    end: int
    way: str


def place_answer(
    marked: Optional[Unmarked], plain: str, answer: str, limit: float
) -> Optional[Place]:
    """Find an answer in the translation of its sentence.

    Marks show it, unless the answer's own translation stands elsewhere, or is of
    another kind. Without marks it is where that stands, exactly or nearly. Where it
    stands more than once, or two places are as near, nothing tells which it is.

    Args:
        marked: the sentence translated with marks, if they are left.
        plain: the sentence translated without.
        answer: the answer translated by itself.
        limit: how many edits each word of a near place may need, a share of its
            characters.

    Returns:
        the place in ``marked`` if that is given, else in ``plain``; None where it is
        not found.
    """
    if marked is None:
        found = nearest(plain, answer, limit)
        return found[0] if len(found) == 1 else None
    begin, end = marked.spans[0]
    found = nearest(marked.text, answer, limit)
    if found:
        is_there = (begin, end) in [(one.begin, one.end) for one in found]
    else:
        is_there = is_alike(marked.text[begin:end], answer)
    if is_there:
        return Place(begin, end, MARKS)
    # An engine may have moved one of the marks.
    exact = [x for x in found if x.way == EXACT and x.begin < end and begin < x.end]
    return exact[0] if len(exact) == 1 else None


def is_alike(text: str, answer: str) -> bool:
    """Whether what is marked may be the answer, in other words than by itself."""
    text, answer = fold(text), fold(answer)
    has_as_many = len(TOKEN.findall(text)) == len(TOKEN.findall(answer))
    return has_as_many and edit_distance(text, answer) <= ALIKE * len(text)


def nearest(sentence: str, wanted: str, limit: float) -> List[Place]:
    """The places in a sentence that are a text, or else those nearest to it."""
    text, wanted = fold(sentence), fold(wanted)
    if not wanted:
        return []
    tokens = [match.span() for match in TOKEN.finditer(text)]
    begins, ends = {begin for begin, _ in tokens}, {end for _, end in tokens}
    exact = [match.start() for match in re.finditer(f"(?={re.escape(wanted)})", text)]
    spans = [(begin, begin + len(wanted)) for begin in exact]
    found = [Place(*x, EXACT) for x in spans if x[0] in begins and x[1] in ends]
    if found:
        return found
    words = TOKEN.findall(wanted)
    least = len(wanted)
    for first in range(len(tokens) - len(words) + 1):
        spans = tokens[first : first + len(words)]
        total = distance_of([text[slice(*span)] for span in spans], words, limit)
        if total is None or total > least:
            continue
        if total < least:
            found, least = [], total
        found.append(Place(spans[0][0], spans[-1][1], NEAR))
    return found


def distance_of(words: List[str], others: List[str], limit: float) -> Optional[int]:
    """How many edits make words others, None where one would be another word."""
    total = 0
    for word, other in zip(words, others):
        distance = edit_distance(word, other) if word != other else 0
        if not is_near(word, other, distance, limit):
            return None
        total += distance
    return total


def fold(text: str) -> str:
    """A text without its case, of as many characters."""
    folded = (character.casefold() for character in text)
    return "".join(x if len(x) == 1 else y for x, y in zip(folded, text))
