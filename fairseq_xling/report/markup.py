"""Pieces of HTML. Whatever is no :class:`Markup` is escaped."""

import base64
import html
import re
import struct
from typing import Any, List, Optional, Sequence

from fairseq_xling.tables import format_cell

ROW = re.compile(r"\s*\|(.*)\|\s*")
# A bar that does not end a cell is written with a backslash.
BAR = re.compile(r"(?<!\\)\|")
# The figures' dots an inch are 150, a browser's 96.
SCALE = 96 / 150


class Markup(str):
    """Text that is HTML already."""


def escape(value: Any) -> Markup:
    """HTML of a value; a number has one decimal, none is a dash."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(format_cell(value), quote=True))


def element(name: str, content: Any, **attributes: str) -> Markup:
    """An element.

    Args:
        name: of the element.
        content: what it holds.
        attributes: its; underscores after a name are dropped.
    """
    given = "".join(
        f' {key.rstrip("_")}="{html.escape(value, quote=True)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{given}>{escape(content)}</{name}>")


def join(parts: Sequence[Any], between: str = "\n") -> Markup:
    """Pieces one after the other."""
    return Markup(between.join(escape(part) for part in parts))


def paragraph(text: Any, kind: str = "") -> Markup:
    """A paragraph."""
    return element("p", text, class_=kind) if kind else element("p", text)


def table(
    header: Sequence[Any], rows: Sequence[Sequence[Any]], kind: str = ""
) -> Markup:
    """A table in a box of its own, which scrolls where the page is too narrow.

    Args:
        header: its first line.
        rows: the others; the first cell of each names it, and the other cells are
            numbers.
        kind: ``"text"`` where the other cells are texts, to the left.
    """
    head = join([element("th", cell, scope="col") for cell in header], "")
    lines = [element("tr", head)]
    body = []
    for first, *others in rows:
        cells = [element("th", first, scope="row")]
        cells += [element("td", cell) for cell in others]
        body.append(element("tr", join(cells, "")))
    whole = join([element("thead", join(lines)), element("tbody", join(body))])
    inner = element("table", whole, class_=kind) if kind else element("table", whole)
    # Scrolled with the keyboard, too.
    return element("div", inner, class_="box", tabindex="0")


def image(png: bytes, text: str, caption: Any = None) -> Markup:
    """A figure, in the page itself.

    Args:
        png: the file, of at least 24 bytes.
        text: what it shows, for those who do not see it.
        caption: what stands below.
    """
    data = base64.b64encode(png).decode("ascii")
    alt = html.escape(text, quote=True)
    width, height = (round(x * SCALE) for x in struct.unpack(">II", png[16:24]))
    size = f'width="{width}" height="{height}"'
    shown = Markup(f'<img src="data:image/png;base64,{data}" {size} alt="{alt}">')
    below = [element("figcaption", caption)] if caption else []
    return element("figure", join([shown, *below]))


def details(summary: Any, content: Any) -> Markup:
    """Something that is shown on demand."""
    return element("details", join([element("summary", summary), content]))


def from_markdown(text: str) -> Markup:
    """HTML of the Markdown that the commands write: tables, lists and paragraphs."""
    parts: List[Markup] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        cells = [split_row(line) for line in lines]
        rows = [row for row in cells if row is not None]
        if len(rows) == len(lines) > 1:
            header, _, *others = rows
            parts.append(table(header, [fit(row, len(header)) for row in others]))
        elif lines and all(line.startswith("- ") for line in lines):
            items = [element("li", line[2:]) for line in lines]
            parts.append(element("ul", join(items)))
        elif block:
            parts.append(paragraph(" ".join(lines), "legend"))
    return join(parts)


def split_row(line: str) -> Optional[List[str]]:
    """The cells of a line of a Markdown table; None of another line."""
    row = ROW.fullmatch(line)
    if row is None:
        return None
    return [cell.strip().replace("\\|", "|") for cell in BAR.split(row[1])]


def fit(row: List[str], width: int) -> List[str]:
    """A row with so many cells."""
    return [*row, *[""] * (width - len(row))][:width]
