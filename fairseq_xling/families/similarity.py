"""How near two texts are."""


def edit_distance(text: str, other: str) -> int:
    """The least number of characters to put in, leave out or replace.

    Source: Levenshtein, 1966.
    """
    row = list(range(len(other) + 1))
    for character in text:
        before, row = row, [row[0] + 1]
        for place, theirs in enumerate(other):
            step = before[place] + (character != theirs)
            row.append(min(step, before[place + 1] + 1, row[place] + 1))
    return row[-1]


def is_near(word: str, other: str, distance: int, limit: float) -> bool:
    """Whether a word may be a form of another.

    Args:
        distance: that of both.
        limit: the most edits, a share of the other's characters. Digits must be the
            same.
    """
    return distance <= limit * len(other) and digits(word) == digits(other)


def digits(text: str) -> str:
    """The digits of a text."""
    return "".join(filter(str.isdigit, text))
