"""Where raw folders keep the sentence pairs of each split and language.

Each stream has a list of places, in the order in which they are tried: XTREME's own
(which is also the one for a user's own translations), then that of the X-Mixup authors'
folders for XNLI and for PAWS-X.
"""

import logging
import re
from pathlib import Path
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set

from fairseq_xling.data.raw_pairs import Table
from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

PLACES: Dict[str, List[str]] = {
    "train": [
        "train-{src}.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{src}.tsv",
        "{src}/train.tsv",
    ],
    "translate-train": [
        "translate-train/{src}-{lang}-translated.tsv",
        "translated/{src}-{lang}-translated.tsv",
        "XNLI-Translated/{src}-{lang}-translated.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{lang}.tsv",
        "{lang}/train.tsv",
        "{lang}/translated_train.tsv",
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
        "XNLI-Translated/test-{lang}-{src}-translated.tsv",
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
        allow_empty: whether rows may lack a sentence.
    """

    def __init__(
        self,
        folder: Path,
        source_lang: str,
        labels: Dict[str, str],
        allow_empty: bool = False,
    ) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give XTREME's raw data folder")
        self.folder = folder
        self.source_lang = source_lang
        self.labels = labels
        self.allow_empty = allow_empty
        self.held: Dict[Path, FrozenSet[str]] = {}

    def table(self, kind: str, lang: str) -> Optional[Table]:
        """Open the first place of ``kind`` that exists for ``lang``, or None."""
        for place in PLACES[kind]:
            path = self.folder / place.format(src=self.source_lang, lang=lang)
            if not path.is_file():
                continue
            if "{lang}" in place or kind == "train":
                return Table(path, self.labels, None, self.allow_empty)
            if lang in self._languages_in(path):
                return Table(path, self.labels, lang, self.allow_empty)
        return None

    def languages(self) -> List[str]:
        """All languages that the folder has a dev, test or training file of."""
        found: Set[str] = set()
        for kind in ("translate-train", "supervised", "dev", "test"):
            for place in PLACES[kind]:
                if "{lang}" not in place:
                    path = self.folder / place
                    if path.is_file():
                        found |= self._languages_in(path)
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

    def _languages_in(self, path: Path) -> FrozenSet[str]:
        if path not in self.held:
            self.held[path] = languages_in(path)
        return self.held[path]

    def splits(self, langs: List[str]) -> List[SplitSources]:
        """The splits to write, the source language first.

        Raises:
            UserError: there is no training file of the source language, or a training
                file has no labels.
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
        for part in splits:
            if part.split in ("train", "supervised") and not part.input.has_labels:
                raise UserError(
                    f"{part.input.path}: has no label column, which training needs; "
                    "give it one"
                )
        return splits


def languages_in(path: Path) -> FrozenSet[str]:
    """The values of a file's ``language`` column; empty where it has none."""
    position = Table(path, {}).columns.get("lang")
    if position is None:
        return frozenset()
    found = set()
    with open(path, "rb") as file:
        next(file)
        for line in file:
            fields = line.split(b"\t", position + 1)
            if len(fields) > position:
                found.add(fields[position].strip().decode("utf-8", "replace"))
    return frozenset(found)


def say_what_is_missing(
    splits: Sequence[SplitSources], langs: Sequence[str], source_lang: str
) -> None:
    """Log by name what the raw data lack, and what that switches off."""
    have = {(part.split, part.lang): part for part in splits}
    lacks: Dict[str, List[str]] = {}

    def note(what: str, lang: str) -> None:
        lacks.setdefault(what, []).append(lang)

    for lang in langs:
        train = have.get(("train", lang))
        if train is None:
            note("no translate-train: evaluated only, not trained on", lang)
        elif train.backtranslation is None:
            note("no back-translation: scheduled sampling is off", lang)
        for split, kind in (("valid", "dev"), ("test", "test")):
            part = have.get((split, lang))
            if part is None:
                note(f"no {kind}: not evaluated there", lang)
            elif part.source is None:
                note(f"no translate-{kind}: no mixup inference there", lang)
    for split, kind in (("valid", "dev"), ("test", "test")):
        if (split, source_lang) not in have:
            note(f"no {kind}: not evaluated there", source_lang)
    for what, names in lacks.items():
        logger.warning(f"{','.join(names)}: {what}")
