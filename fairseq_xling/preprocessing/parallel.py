"""Parallel text, two files a language pair, to binarized data for pre-training."""

import itertools
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from fairseq_xling.data.languages import LANGUAGE
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import Chunk, Encoded, RowEncoder, Rows
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.text_lines import decode_line, open_lines
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.binarize import Entries, Output, write_split

logger = logging.getLogger(__name__)

SPLITS = ("train", "valid")


def binarize_parallel(
    raw: Path, source_lang: str, target_langs: Optional[str], output: Output
) -> None:
    """Write the binarized folder."""
    if not raw.is_dir():
        raise UserError(f"{raw}: not a folder")
    parts = [
        part
        for split in SPLITS
        for part in choose(raw, split, source_lang, target_langs)
    ]
    encoder = output.encoder(SentenceEncoder, ())
    entries: Entries = {split: {} for split in SPLITS}
    with atomic_folder(output.destdir) as folder:
        for part in parts:
            rows = ((target, [source]) for source, target in part.rows())
            write_split(part, rows, folder, encoder, entries)
        output.finish(
            folder,
            encoder,
            task="parallel",
            source_lang=source_lang,
            languages=[source_lang, *sorted({part.lang for part in parts})],
            labels=[],
            splits=entries,
        )


class SentenceEncoder(RowEncoder):
    """Encodes texts, each by itself."""

    def streams(self, part: Any) -> List[str]:
        return ["input", "source"]

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        chunk = [
            (target, others)
            for target, others in aligned
            if not any(map(self.is_blank, (target, *others)))
        ]
        remarks["lines left out for lack of a side"] += len(aligned) - len(chunk)
        return chunk

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        return {name: self.sentences(rows[name]) for name in names}

    def lacking(self, part: Any, remarks: Counter) -> str:
        raise UserError(
            f"{part.target}: no line has text both there and in {part.source}; give it "
            "some, or remove both files"
        )


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


def choose(
    folder: Path, split: str, source_lang: str, wanted: Optional[str]
) -> List[ParallelText]:
    """The pairs of files to read, in the order of their languages.

    Raises:
        UserError: there is none, or a language asked for has no training text.
    """
    found = find_parallel(folder, split, source_lang)
    if wanted is None:
        return found
    langs = set(read_languages("--target-langs", wanted)) - {source_lang}
    lacking = sorted(langs - {part.lang for part in found})
    if lacking and split == "train":
        raise UserError(
            f"--target-langs {','.join(lacking)}: {folder} has no training text for it"
        )
    return [part for part in found if part.lang in langs]
