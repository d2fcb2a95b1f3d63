"""Where raw folders keep the sentence pairs of each split and language.

Each stream has a list of places, in the order in which they are tried: XTREME's own
(which is also the one for a user's own translations), then that of the X-Mixup authors'
folders for XNLI and for PAWS-X.
"""

import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from fairseq_xling.data.raw_pairs import Table
from fairseq_xling.errors import UserError

PLACES: Dict[str, List[str]] = {
    "train": [
        "train-{src}.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{src}.tsv",
        "{src}/train.tsv",
    ],
    "translate-train": [
        "translate-train/{src}-{lang}-translated.tsv",
        "translated/{src}-{lang}-translated.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{lang}.tsv",
        "{lang}/train.tsv",
    ],
    "back-translation": [
        "translate-train-{src}/{src}-{lang}-{src}-translated.tsv",
        "translate-train-{src}/multinli.train.{lang}-{src}.tsv",
        "translate-train-{src}/translated_train.{lang}-{src}.tsv",
    ],
    "supervised": ["train-{lang}.tsv"],
    "dev": ["dev-{lang}.tsv", "XNLI-1.0/xnli.dev.tsv", "{lang}/dev_2k.tsv"],
    "test": ["test-{lang}.tsv", "XNLI-1.0/xnli.test.tsv", "{lang}/test_2k.tsv"],
    "translate-dev": [
        "translate-dev/dev-{lang}-{src}-translated.tsv",
        "translate-dev/xnli.dev.tsv",
        "translate-dev/dev_2k.{lang}.tsv",
    ],
    "translate-test": [
        "translate-test/test-{lang}-{src}-translated.tsv",
        "translated/test-{lang}-{src}-translated.tsv",
        "translate-test/test.{lang}.tsv",
    ],
}
LANGUAGE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)?"


class SplitSources(NamedTuple):
    """The tables of one split in one language."""

    split: str
    lang: str
    input: Table
    source: Optional[Table] = None
    backtranslation: Optional[Table] = None


class RawLayout:
    """The files of a raw folder.

    Args:
        folder: the raw folder.
        source_lang: the language with labels.
        labels: the known labels, and other spellings of them.
    """

    def __init__(self, folder: Path, source_lang: str, labels: Dict[str, str]) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give XTREME's raw data folder")
        self.folder = folder
        self.source_lang = source_lang
        self.labels = labels

    def table(self, kind: str, lang: str) -> Optional[Table]:
        """Open the first place of ``kind`` that exists for ``lang``, or None."""
        for place in PLACES[kind]:
            path = self.folder / place.format(src=self.source_lang, lang=lang)
            if not path.is_file():
                continue
            if "{lang}" in place or kind == "train":
                return Table(path, self.labels)
            table = Table(path, self.labels)
            if lang in languages_in(table):
                return Table(path, self.labels, lang)
        return None

    def languages(self) -> List[str]:
        """All languages that the folder has a dev, test or training file of."""
        found = set()
        for kind in ("translate-train", "supervised", "dev", "test"):
            for place in PLACES[kind]:
                if "{lang}" not in place:
                    path = self.folder / place
                    if path.is_file():
                        found |= languages_in(Table(path, self.labels))
                    continue
                pattern = place.format(src=re.escape(self.source_lang), lang="*")
                regex = re.escape(place).replace(r"\{lang\}", f"({LANGUAGE})")
                regex = regex.replace(r"\{src\}", re.escape(self.source_lang))
                for path in self.folder.glob(pattern):
                    name = path.relative_to(self.folder).as_posix()
                    match = re.fullmatch(regex, name)
                    if match:
                        found.add(match.group(1))
        return sorted(found - {self.source_lang})

    def splits(self, langs: List[str]) -> List[SplitSources]:
        """The splits to write, the source language first.

        Raises:
            UserError: there is no training file of the source language.
        """
        source_train = self.table("train", self.source_lang)
        if source_train is None:
            place = self.folder / PLACES["train"][0].format(src=self.source_lang)
            raise UserError(
                f"{place}: not found; it must hold the labelled rows of the source "
                "language (see the README for the folder's layout)"
            )
        splits = [SplitSources("train", self.source_lang, source_train)]
        for lang in langs:
            translated = self.table("translate-train", lang)
            if translated is not None:
                source = translated if translated.has_source else source_train
                back = self.table("back-translation", lang)
                splits.append(SplitSources("train", lang, translated, source, back))
            gold = self.table("supervised", lang)
            if gold is not None:
                splits.append(SplitSources("supervised", lang, gold))
        for kind, split in (("dev", "valid"), ("test", "test")):
            for lang in [self.source_lang, *langs]:
                table = self.table(kind, lang)
                if table is None:
                    continue
                counterpart = None
                if lang != self.source_lang:
                    counterpart = self.table(f"translate-{kind}", lang)
                splits.append(SplitSources(split, lang, table, counterpart))
        return splits


def languages_in(table: Table) -> set:
    """The values of a table's ``language`` column; empty where it has none."""
    if "lang" not in table.columns:
        return set()
    position = table.columns["lang"]
    lines = table.path.read_bytes().split(b"\n")[1:]
    fields = (line.decode("utf-8", "replace").split("\t") for line in lines if line)
    return {row[position] for row in fields if len(row) > position}
