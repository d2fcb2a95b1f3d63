"""The Markdown that the commands write: tables, lists and paragraphs."""

import re
from pathlib import Path
from typing import List, NamedTuple, Optional

ROW = re.compile(r"\s*\|(.*)\|\s*")
# A bar that does not end a cell is written with a backslash.
BAR = re.compile(r"(?<!\\)\|")


class Block(NamedTuple):
    """A table of a header and rows, a list of items, or a paragraph of text."""

    header: List[str] = []
    rows: List[List[str]] = []
    items: List[str] = []
    text: str = ""


def read_markdown(path: Path) -> List[Block]:
    """The blocks of a file, which blank lines part, as far as it is text."""
    text = path.read_text(encoding="utf-8", errors="replace")
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        rows = [row for row in map(split_row, lines) if row is not None]
        if len(rows) == len(lines) > 1:
            header, _, *others = rows
            width = len(header)
            full = [[*row, *[""] * (width - len(row))][:width] for row in others]
            blocks.append(Block(header, full))
        elif lines and all(line.startswith("- ") for line in lines):
            blocks.append(Block(items=[line[2:] for line in lines]))
        elif block:
            blocks.append(Block(text=" ".join(lines)))
    return blocks


def split_row(line: str) -> Optional[List[str]]:
    """The cells of a line of a Markdown table; None of another line."""
    row = ROW.fullmatch(line)
    if row is None:
        return None
    return [cell.strip().replace("\\|", "|") for cell in BAR.split(row[1])]
