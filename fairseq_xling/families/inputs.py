"""What people hand to a model from Python or in lines of JSON, checked."""

from typing import Any, List, Mapping, Sequence, Union

import numpy as np

from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import no_character

Text = Union[str, Sequence[str], Mapping[str, Any]]
# What each of two texts may be called, the first names for messages.
Names = Sequence[Sequence[str]]
PREMISE = (("premise", "sentence1"), ("hypothesis", "sentence2"))
QUESTION = (("question",), ("context",))
ANY_PAIR = (
    ("a text", *PREMISE[0], *QUESTION[0]),
    ("a second one (words go in a list)", *PREMISE[1], *QUESTION[1]),
)


def parse_pair(text: Text, names: Names, where: str) -> List[str]:
    """Two texts, given as such or by their names.

    Raises:
        UserError: there are not two, or one is empty.
    """
    wanted = " and ".join(group[0] for group in names)
    parts: Any = text
    if isinstance(text, Mapping):
        found = [[text[name] for name in group if name in text] for group in names]
        parts = [group[0] for group in found if group]
    is_list = isinstance(parts, (Sequence, np.ndarray)) and not isinstance(parts, str)
    if not is_list or len(parts) != 2:
        raise UserError(f"{where}: give {wanted}")
    return check_texts(parts, where, wanted)


def check_texts(texts: Any, where: str, wanted: str) -> List[str]:
    """Refuse what is no text, or empty."""
    for text in texts:
        if not isinstance(text, str):
            raise UserError(
                f"{where}: {wanted} must be text, not {type(text).__name__}"
            )
        if not text.strip():
            raise UserError(f"{where}: {wanted} must not be empty")
        wrong = no_character(text)
        if wrong:
            raise UserError(f"{where}: {wrong} in {wanted}; remove it")
    return [str(text) for text in texts]
