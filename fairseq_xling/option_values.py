"""Values of options, checked alike wherever they are given."""

import math
from typing import List, Optional

from fairseq_xling.errors import UserError

# No weight, rate or factor of a run is larger.
MOST = 1e6


def flag_of(name: str) -> str:
    """An option as it is typed."""
    return "--" + name.replace("_", "-")


def check_number(
    option: str,
    value: Optional[float],
    low: float = 0.0,
    high: float = MOST,
    above: bool = False,
) -> None:
    """Refuse a number that is out of range, infinite or none.

    Args:
        option: its name, for the message.
        value: what was given; None where nothing was.
        low, high: the range, both included.
        above: leave ``low`` itself out.

    Raises:
        UserError: it is out of range.
    """
    if value is None or (math.isfinite(value) and low <= value <= high):
        if value is None or not above or value > low:
            return
    least = f"a value above {low:g}" if above else f"{low:g} or more"
    most = "" if high == MOST and value < high else f", at most {high:g}"
    raise UserError(f"{option} {value:g}: give {least}{most}")


def read_languages(option: str, text: str) -> List[str]:
    """Languages given as a comma list.

    Args:
        option: its name, for the message.
        text: what was given.

    Raises:
        UserError: there is none, or one is empty or repeated.
    """
    langs = [lang.strip() for lang in text.split(",")]
    if "" in langs or len(set(langs)) < len(langs):
        raise UserError(
            f"{option} {text!r}: give different languages with commas between them"
        )
    return langs
