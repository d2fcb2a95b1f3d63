"""How near two texts are: the edit distance."""

from typing import Iterator, List


def edit_distances(text: str, wanted: str) -> Iterator[int]:
    """Distances of ``wanted`` from the beginnings of a text, the empty one first.

    A distance is the least number of characters that are put in, left out or replaced
    (Levenshtein 1966).
    """
    row = list(range(len(wanted) + 1))
    yield row[-1]
    for character in text:
        before, row = row, [row[0] + 1]
        for place, other in enumerate(wanted):
            step = before[place] + (character != other)
            row.append(min(step, before[place + 1] + 1, row[place] + 1))
        yield row[-1]


def edit_distance(text: str, wanted: str) -> int:
    """The distance of two texts."""
    *_, last = edit_distances(text, wanted)
    return last


def digits(text: str) -> List[str]:
    """The digits of a text: texts of other ones are never near."""
    return [character for character in text if character.isdigit()]
