"""Parallel text: two files a language pair, aligned by line."""

import itertools
import logging
import re
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

from fairseq_xling.data.languages import LANGUAGE
from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import decode_line, open_lines

logger = logging.getLogger(__name__)


class ParallelText(NamedTuple):
    """The two files of a split of a language pair."""

    split: str
    lang: str
    source: Path
    target: Path

    def rows(self) -> Iterator[Tuple[str, str]]:
        """Read source and target line by line; one or both may be empty.

        Raises:
            UserError: the files have different numbers of lines, or are not UTF-8.
        """
        with open_lines(self.source) as source, open_lines(self.target) as target:
            lines = itertools.zip_longest(source, target)
            for number, (first, second) in enumerate(lines, 1):
                if first is None or second is None:
                    self._refuse_lengths()
                yield (
                    decode_line(self.source, number, first).strip(),
                    decode_line(self.target, number, second).strip(),
                )

    def _refuse_lengths(self) -> None:
        counts = []
        for path in (self.source, self.target):
            with open_lines(path) as file:
                counts.append(sum(1 for _ in file))
        raise UserError(
            f"{self.target}: {counts[1]} lines, but {self.source} has {counts[0]}; "
            "line n of one must be the translation of line n of the other"
        )


def find_parallel(folder: Path, split: str, source_lang: str) -> List[ParallelText]:
    """The pairs of files of a split, in the order of their languages.

    Raises:
        UserError: there is none, or one of two files is missing.
    """
    name = re.compile(
        rf"{re.escape(split)}\.{re.escape(source_lang)}-({LANGUAGE})\.({LANGUAGE})\.txt"
    )
    sides: Dict[str, Set[str]] = {}
    others = []
    for path in sorted(folder.glob(f"{split}.*-*.*.txt")):
        match = name.fullmatch(path.name)
        if match and match.group(2) in (source_lang, match.group(1)):
            sides.setdefault(match.group(1), set()).add(match.group(2))
        else:
            others.append(path.name)
    if others:
        logger.warning(f"{folder}: not read: {', '.join(others)}")
    found = []
    for lang in sorted(set(sides) - {source_lang}):
        stem = f"{split}.{source_lang}-{lang}"
        one = ParallelText(
            split,
            lang,
            folder / f"{stem}.{source_lang}.txt",
            folder / f"{stem}.{lang}.txt",
        )
        for path in (one.source, one.target):
            if not path.exists():
                other = one.target if path == one.source else one.source
                raise UserError(f"{path}: not found, though {other.name} is there")
        found.append(one)
    if not found:
        pair = f"{split}.{source_lang}-LANG"
        raise UserError(
            f"{folder}: no {pair}.*.txt; name the files {pair}.{source_lang}.txt and "
            f"{pair}.LANG.txt (another source language is given by --source-lang)"
        )
    return found
