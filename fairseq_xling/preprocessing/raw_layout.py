"""Which files of a raw folder hold each split, language and stream.

Each stream has a list of places, in the order in which they are tried. In a place
``{src}`` stands for the source language, ``{lang}`` for the row's, and ``*`` for any
part of a file's name; where several files match, they are read one after the other.
"""

import logging
import re
from pathlib import Path, PurePath
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set

from fairseq_xling.data.languages import LANGUAGE
from fairseq_xling.errors import UserError
from fairseq_xling.families.files import RawFiles
from fairseq_xling.families.raw import RawFile, RawSplit
from fairseq_xling.preprocessing.translations import MANIFEST

logger = logging.getLogger(__name__)

Places = Mapping[str, Sequence[str]]
# In which people keep rows, too, whatever a family's readers take.
OTHER_FORMATS = {".csv", ".json", ".jsonl", ".parquet"}
# Files that are named in the log as not read.
MOST_NAMED = 8


class RawLayout:
    """The files of a raw folder.

    Args:
        files: opens them. By its ``pair_source``, rows of the source language are
            paired, too: with the files that translate it into itself, where there are
            some; if True, else with themselves. None: never.
    """

    def __init__(
        self, folder: Path, source_lang: str, places: Places, files: RawFiles
    ) -> None:
        if not folder.is_dir():
            found = "a file" if folder.exists() else "no such folder"
            raise UserError(f"{folder}: {found}; give XTREME's raw data folder")
        self.folder = folder
        self.source_lang = source_lang
        self.places = places
        self.files = files
        self.held: Dict[Path, FrozenSet[str]] = {}
        self.read: Set[Path] = set()

    def table(self, kind: str, lang: str) -> Optional[RawFile]:
        """Open the first place of ``kind`` that exists for ``lang``, or None."""
        given = self.places["train"] if kind == "translate-train" else ()
        originals = [place.format(src=self.source_lang, lang=lang) for place in given]
        for place in self.places.get(kind, ()):
            name = place.format(src=self.source_lang, lang=lang)
            if name in originals:  # not a translation of the source language
                continue
            paths = sorted(self.folder.glob(name))
            for path in paths:
                if path.is_dir():
                    raise UserError(f"{path}: a folder, where a file is read; move it")
            if not paths:
                continue
            is_of_all = "{" in place
            if kind == "train" and not is_of_all:
                is_of_all = not self._languages_in(paths[0])
            if is_of_all or lang in self._languages_in(paths[0]):
                self.read.update(paths)
                return self.files.open(paths, None if is_of_all else lang)
        return None

    def languages(self) -> List[str]:
        """All languages that the folder has a dev, test or training file of."""
        found: Set[str] = set()
        for kind in ("translate-train", "supervised", "dev", "test"):
            for place in self.places.get(kind, ()):
                if "{lang}" in place:
                    found.update(self._by_language(place).values())
                elif (self.folder / place).is_file():
                    found |= self._languages_in(self.folder / place)
        return sorted(found - {self.source_lang})

    def _by_language(self, place: str) -> Dict[Path, str]:
        """The files that a place may mean, and the language of each."""
        regex = re.escape(place).replace(r"\*", "[^/]*")
        regex = regex.replace(r"\{lang\}", f"(?P<lang>{LANGUAGE})", 1)
        regex = regex.replace(r"\{lang\}", "(?P=lang)")
        regex = regex.replace(r"\{src\}", re.escape(self.source_lang))
        found: Dict[Path, str] = {}
        for path in self.folder.glob(place.format(src=self.source_lang, lang="*")):
            name = path.relative_to(self.folder).as_posix()
            match = re.fullmatch(regex, name)
            if match:
                found[path] = match.group("lang")
        return found

    def say_what_is_not_read(self, langs: Sequence[str]) -> None:
        """Log which files, of the kinds that hold data, stand there for nothing."""
        places = [place for listed in self.places.values() for place in listed]
        known = {self.folder / MANIFEST, *self.read}
        for place in places:
            if "{lang}" in place:
                known.update(
                    path
                    for path, lang in self._by_language(place).items()
                    if lang not in (self.source_lang, *langs)
                )
        endings = OTHER_FORMATS | {PurePath(place).suffix for place in places}
        depths = {place.count("/") for place in places}
        rest = [
            path.relative_to(self.folder).as_posix()
            for depth in sorted(depths)
            for path in sorted(self.folder.glob("*/" * depth + "*"))
            if path.suffix in endings and path not in known and path.is_file()
        ]
        if rest:
            more = f" and {len(rest) - MOST_NAMED} more" * (len(rest) > MOST_NAMED)
            names = ", ".join(rest[:MOST_NAMED])
            logger.warning(f"{self.folder}: not read: {names}{more}")

    def _languages_in(self, path: Path) -> FrozenSet[str]:
        if path not in self.held:
            self.held[path] = self.files.languages_in(path)
        return self.held[path]

    def splits(self, langs: List[str]) -> List[RawSplit]:
        """The splits to write, the source language first.

        Raises:
            UserError: there is no training file of the source language, or the family
                cannot use what there is.
        """
        source_part = self._source_part("train", "train")
        if source_part is None:
            raise self.no_training_file()
        splits, source_train = [source_part], source_part.input
        for lang in langs:
            translated = self.table("translate-train", lang)
            if translated is not None:
                source = translated if translated.has_source else source_train
                back = self.table("back-translation", lang)
                splits.append(RawSplit("train", lang, translated, source, back))
            gold = self.table("supervised", lang)
            if gold is not None:
                splits.append(RawSplit("supervised", lang, gold))
        for kind, split in (("dev", "valid"), ("test", "test")):
            source_part = self._source_part(kind, split)
            if source_part is not None:
                splits.append(source_part)
            for lang in langs:
                table = self.table(kind, lang)
                if table is not None:
                    counterpart = self.table(f"translate-{kind}", lang)
                    splits.append(RawSplit(split, lang, table, counterpart))
        return self.files.finish(self.folder, splits)

    def no_training_file(self) -> UserError:
        """What to say of a folder without one of the source language."""
        place = self.folder / self.places["train"][0].format(src=self.source_lang)
        others = sorted(x.name for x in place.parent.glob(f"{place.stem}.*"))
        there = f" (of another format: {', '.join(others)})" if others else ""
        return UserError(
            f"{place}: not found{there}; it must hold the labelled rows of the "
            "source language (see the README for the folder's layout)"
        )

    def _source_part(self, kind: str, split: str) -> Optional[RawSplit]:
        """A split in the source language, None where it has no file of ``kind``."""
        lang = self.source_lang
        table = self.table(kind, lang)
        if table is None:
            return None
        source = back = None
        if self.files.pair_source is not None:
            source = self.table(f"translate-{kind}", lang)
            back = self.table("back-translation", lang) if kind == "train" else None
            if source is None and (self.files.pair_source or back is not None):
                source = self.table(kind, lang)  # opened once more, and read beside it
        if source is not None:
            logger.info(f"{split}.{lang}: paired with {source.path}")
        return RawSplit(split, lang, table, source, back)


def say_what_is_missing(
    splits: Sequence[RawSplit], langs: Sequence[str], source_lang: str
) -> None:
    """Log by name what the raw data lack, and what that switches off."""
    have = {(part.split, part.lang): part for part in splits}
    lacks: Dict[str, List[str]] = {}

    def note(what: str, lang: str) -> None:
        lacks.setdefault(what, []).append(lang)

    for lang in langs:
        own = have.get(("supervised", lang))
        if own is not None and not own.input.has_labels:
            note("training rows without labels: text for MultiMix alone", lang)
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
