"""Tagged sentences as XTREME has them: a word a line, an empty line after each."""

from pathlib import Path
from typing import Any, List, Sequence


def write_tags(
    path: Path,
    rows: Sequence[Any],
    ids: Sequence[Any] = (),
    tagged: bool = True,
    ending: str = "\n",
) -> None:
    """Write sentences as lists of words with tags.

    Args:
        ids: of the sentences, if they have any.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = []
    for number, row in enumerate(rows):
        lines = [f"# sent_id = {ids[number]}"] if ids else []
        lines += ["\t".join(pair if tagged else pair[:1]) for pair in row]
        blocks.append("".join(line + ending for line in [*lines, ""]))
    path.write_bytes("".join(blocks).encode("utf-8"))


def read_tags(path: Path) -> List[Any]:
    """Words and tags (the words again without) of what :func:`write_tags` wrote."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")[:-1]
    rows = [[line.split("\t") for line in block.splitlines()] for block in blocks]
    return [([x[0] for x in row], [x[-1] for x in row]) for row in rows]
