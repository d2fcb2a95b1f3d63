"""Passages as sentences, which engines translate one by one."""

import re
from typing import List

from fairseq_xling.families.scripts import Span

# A line's end, or the end of a sentence: marks with space after them where the next
# word does not go on in small letters, or marks of scripts without spaces. Short words
# with a full stop may be abbreviations ("Dr.", "U.S.") and end nothing.
END = re.compile(
    r"\s*\n\s*"
    r"|(?<!\b\w\.)(?<!\b[A-Z]\w\.)(?<!\b[A-Z]\w\w\.)"
    r"(?:(?<=[.!?…؟۔।॥])|(?<=[.!?…][\"'”’»)\]]))\s+(?![a-zà-öø-ÿ])"
    r"|(?<=[。！？])(?![」』”’）\s]|$)"
)


def split_sentences(text: str, keep: Span = (0, 0)) -> List[Span]:
    """First character of each sentence and the one after its last, without space.

    Args:
        keep: characters that stay in one sentence, such as those of an answer.
    """
    spans: List[Span] = []
    begin = len(text) - len(text.lstrip())
    last = len(text.rstrip())
    for match in END.finditer(text, begin, last):
        if keep[0] < match.end() and match.start() < keep[1]:
            continue
        if begin < match.start():
            spans.append((begin, match.start()))
        begin = match.end()
    return [*spans, (begin, last)] if begin < last else spans
