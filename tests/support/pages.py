"""The pages (Markdown files) of the repository, and what is in them."""

import re
import shlex
from pathlib import Path
from typing import Dict, List, NamedTuple

from training import ROOT

# Written by a command.
GENERATED = ("examples/replicate/RESULTS.md",)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block: its page, its language and its text."""

    page: str
    language: str
    text: str


def pages() -> List[str]:
    """The pages' paths in the repository."""
    found = list(ROOT.glob("*.md"))
    for folder in ("examples", "fairseq_xling", "preprocess", "tests"):
        found += (ROOT / folder).rglob("*.md")
    names = (path.relative_to(ROOT).as_posix() for path in found)
    return sorted(name for name in names if name not in GENERATED)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "") -> List[Block]:
    """The fenced blocks of a page, or those of a language."""
    found = [
        Block(page, name, re.sub(f"^{indent}", "", text, flags=re.M))
        for indent, name, text in FENCE.findall(read(page))
    ]
    return [block for block in found if language in ("", block.language)]


def prose(page: str) -> str:
    """A page without its blocks."""
    return FENCE.sub("", read(page))


def spans(page: str) -> List[str]:
    """The text of a page's inline code; in tables a bar is written with a backslash."""
    found = re.findall(r"`([^`]+)`", prose(page))
    return [" ".join(span.replace("\\|", "|").split()) for span in found]


def slugs(page: str) -> List[str]:
    """The names by which links find the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return [heading.replace(" ", "-") for heading in kept]


def pipelines(text: str) -> List[List[List[str]]]:
    """The commands of a shell block: for each line those between its bars, as words.

    Variables are replaced by what the block sets them to. Redirections, and what a
    command reads from a heredoc, are left out.
    """
    text = re.sub(r"<<(\w+)\n.*?^\1$", "", text, flags=re.M | re.S)
    text = text.replace("\\\n", " ")
    variables: Dict[str, str] = {}
    found = []
    for line in text.splitlines():
        for name, value in variables.items():
            line = re.sub(rf"\${name}\b", value, line)
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
        lexer.whitespace_split = True
        commands: List[List[str]] = [[]]
        words = iter(lexer)
        for word in words:
            if word == "|":
                commands.append([])
            elif word == ">":
                next(words)
            else:
                commands[-1].append(word)
        if all(re.match(r"\w+=", word) for word in commands[0]):
            variables.update(word.split("=", 1) for word in commands[0])
        else:
            found.append(commands)
    return found


def target_of(page: str, link: str) -> Path:
    """The file that a link without scheme leads to."""
    name = link.split("#")[0]
    return (ROOT / page).parent / name if name else ROOT / page
