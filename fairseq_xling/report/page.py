"""The page: one HTML file that needs nothing else, from the templates beside this."""

import base64
import re
import struct
from typing import Any, Dict, List, NamedTuple, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fairseq_xling.tables import format_cell

# The figures' dots an inch are 150, a browser's 96.
SCALE = 96 / 150


class Part(NamedTuple):
    """A titled part of a section; a section's only one needs no title."""

    title: str
    content: Any


class Section(NamedTuple):
    """A section: its macro in ``sections.html``, its title, and its parts."""

    macro: str
    title: str
    parts: List[Part]


class Noted(NamedTuple):
    """A cell with notes in small letters below it."""

    text: Any
    notes: Sequence[str]
    is_strong: bool = False


def picture(png: bytes) -> Dict[str, Any]:
    """A PNG file of at least 24 bytes as the page holds it, and its size in pixels."""
    width, height = (round(x * SCALE) for x in struct.unpack(">II", png[16:24]))
    data = base64.b64encode(png).decode("ascii")
    return {"data": data, "width": width, "height": height}


def breakable(text: Any) -> Markup:
    """A value that may be broken into lines within paths and lists."""
    # As plain text: the pieces of marked-up text would be escaped once more.
    return Markup(re.sub("([/,])", r"\1<wbr>", str(escape(format_cell(text)))))


def render_page(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """The whole page as text."""
    templates = Environment(
        loader=PackageLoader("fairseq_xling.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        breakable=breakable, format_cell=format_cell, picture=picture
    )
    shown = [section for section in sections if section.parts]
    return templates.get_template("page.html").render(
        title=title, introduction=introduction, sections=shown
    )
