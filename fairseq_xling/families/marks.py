"""Marks around parts of a sentence, which an engine carries into its translation.

Source: mark-then-translate of EasyProject (Chen, Jiang, Ritter and Xu, "Frustratingly
Easy Label Projection for Cross-lingual Transfer", Findings of ACL 2023), whose square
brackets are used.
"""

import re
from typing import List, NamedTuple, Optional, Sequence

from fairseq_xling.families.scripts import Span, needs_space

# Pairs of marks, the first that a sentence has none of is taken. Engines that write
# Chinese or Japanese may widen them.
KINDS = (("[［【", "]］】"), ("{｛", "}｝"), ("<＜", ">＞"))


class Marks(NamedTuple):
    """What may stand for the opening mark and for the closing one, the usual first."""

    opening: str
    closing: str

    @property
    def pattern(self) -> str:
        """Matches either."""
        return f"([{re.escape(self.opening + self.closing)}])"


class Unmarked(NamedTuple):
    """A sentence without its marks, and the characters that were marked, in order."""

    text: str
    spans: List[Span]


def choose_marks(text: str) -> Optional[Marks]:
    """The first marks that a text has none of; None where it has all."""
    kinds = (Marks(*kind) for kind in KINDS)
    return next((one for one in kinds if not re.search(one.pattern, text)), None)


def mark(text: str, spans: Sequence[Span], marks: Marks) -> str:
    """Put marks around parts of a text, with spaces inside.

    Args:
        spans: first character and the one after the last of each, in order.
    """
    parts, end = [], 0
    for begin, after in spans:
        inside = text[begin:after]
        parts += [text[end:begin], f"{marks.opening[0]} {inside} {marks.closing[0]}"]
        end = after
    return "".join([*parts, text[end:]])


def unmark(text: str, marks: Marks, count: int) -> Optional[Unmarked]:
    """Take the marks out of a translation.

    Args:
        count: how many parts were marked.

    Returns:
        None unless that many are, none of them blank or in another.
    """
    pieces = re.split(marks.pattern, text)
    found = ["<" if one in marks.opening else ">" for one in pieces[1::2]]
    if found != ["<", ">"] * count:
        return None
    clean, spans = "", []
    had_space = False
    for number, piece in enumerate(pieces[::2]):
        is_inside = number % 2 == 1
        core = piece.strip() if is_inside else piece
        if is_inside and not core:
            return None
        # The spaces inside of marks go with them, but where they keep words apart.
        apart = had_space or (is_inside and piece[:1].isspace())
        joins = clean[-1:].isalnum() and core[:1].isalnum()
        if apart and joins and needs_space(clean, core):
            clean += " "
        if is_inside:
            spans.append((len(clean), len(clean) + len(core)))
        clean += core
        had_space = is_inside and piece[-1:].isspace()
    shift = len(clean) - len(clean.lstrip())
    return Unmarked(
        clean.strip(), [(begin - shift, end - shift) for begin, end in spans]
    )
