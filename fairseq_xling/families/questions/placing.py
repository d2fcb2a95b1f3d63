"""Where the answer stands in a translated passage."""

import re
from typing import List, NamedTuple, Optional

from fairseq_xling.families.marks import Unmarked
from fairseq_xling.families.scripts import UNSPACED
from fairseq_xling.families.similarity import digits, edit_distances

MARKS, EXACT, NEAR = "answers by marks", "exact", "near"
# A word, of scripts without spaces a character; or a mark.
TOKEN = re.compile(rf"{UNSPACED.pattern}|[^\W_]+|\S")
# The most words by which a place may be longer than the answer's own translation.
LONGER = 3


class Place(NamedTuple):
    """A part of a sentence, and by which way it was found."""

    begin: int
    end: int
    way: str


def place_answer(
    marked: Optional[Unmarked], plain: str, answer: str, limit: float
) -> Optional[Place]:
    """Find an answer in the translation of its sentence.

    Marks show it, unless the answer's own translation stands elsewhere. Without marks
    it is where that stands, exactly or nearly. Where it stands more than once, or two
    places are as near, nothing tells which it is.

    Args:
        marked: the sentence translated with marks, if they are left.
        plain: the sentence translated without.
        answer: the answer translated by itself.
        limit: how many edits a near place may need, a share of the answer's characters.

    Returns:
        the place in ``marked`` if that is given, else in ``plain``; None where it is
        not found.
    """
    if marked is None:
        found = nearest(plain, answer, limit)
        return found[0] if len(found) == 1 else None
    begin, end = marked.spans[0]
    found = nearest(marked.text, answer, limit)
    if not found or (begin, end) in [(one.begin, one.end) for one in found]:
        return Place(begin, end, MARKS)
    # An engine may have moved one of the marks.
    exact = [x for x in found if x.way == EXACT and x.begin < end and begin < x.end]
    return exact[0] if len(exact) == 1 else None


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
    least = int(limit * len(wanted))
    most = len(TOKEN.findall(wanted)) + LONGER
    for number, (begin, _) in enumerate(tokens):
        part = text[begin : tokens[number : number + most][-1][1]]
        for length, distance in enumerate(edit_distances(part, wanted)):
            end = begin + length
            if not length or distance > least or end not in ends:
                continue
            if digits(part[:length]) != digits(wanted):
                continue
            if distance < least:
                found, least = [], distance
            found.append(Place(begin, end, NEAR))
    return found


def fold(text: str) -> str:
    """A text without its case, of as many characters."""
    folded = (character.casefold() for character in text)
    return "".join(x if len(x) == 1 else y for x, y in zip(folded, text))
