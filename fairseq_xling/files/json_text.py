"""JSON that others wrote: whatever is wrong with it is a ``ValueError``."""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Tuple, Union

from fairseq_xling.errors import UserError


def parse_json(text: Union[str, bytes]) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, or nested deeper than Python follows; of the first a
            ``json.JSONDecodeError`` or a ``UnicodeDecodeError``.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_object(entries: Iterable[Tuple[str, Any]]) -> Iterator[str]:
    """A JSON object of names and values, as ``json.dumps`` indents it, in parts."""
    before = "{\n"
    for name, value in entries:
        text = json.dumps({name: value}, ensure_ascii=False, indent=2)
        yield before + text[2:-2]
        before = ",\n"
    yield "\n}\n"


def read_object(path: Path, mend: str = "remove it") -> Dict[str, Any]:
    """Read a file that one of our commands wrote: an object."""
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read ({reason}); {mend}") from None
    return found
