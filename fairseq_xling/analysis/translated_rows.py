"""A raw folder's translations beside what they were made from."""

from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from tqdm import tqdm

from fairseq_xling.errors import UserError
from fairseq_xling.families.translating import EMPTY, ROWS, UNCHANGED
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.files.text_lines import is_blank, one_line
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.aligned_rows import align
from fairseq_xling.preprocessing.raw_layout import RawLayout
from fairseq_xling.preprocessing.translate import BACK, MADE_FROM, TRAIN
from fairseq_xling.preprocessing.translations import read_manifest

KINDS = [kind for kind in MADE_FROM if kind != BACK]


class Text(NamedTuple):
    """A text of a row, such as a premise.

    Attributes:
        back: the translation translated back; None without.
    """

    source: str
    translation: str
    back: Optional[str]


class TranslatedRow(NamedTuple):
    """A translated row, what it was made from, and the texts that both have.

    Attributes:
        place: where it stands, for people.
    """

    row: Any
    source: Any
    place: str
    texts: List[Text]


class TranslatedSet(NamedTuple):
    """A file of translations.

    Attributes:
        kind: of :data:`KINDS`.
        name: its path, seen from the folder.
        rows: those that have a text and its translation.
        counts: of all rows of the file.
        told: what else ``translate.py`` counted of those that it was made from.
        engine: that made it; None where nobody tells.
    """

    kind: str
    lang: str
    name: str
    rows: List[TranslatedRow]
    counts: Dict[str, int]
    told: Dict[str, int]
    engine: Optional[str]

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"{self.kind}, {self.lang}"


def choose_languages(layout: RawLayout, asked: Optional[str]) -> List[str]:
    """The languages that a folder has translations of, those of ``--langs`` if given.

    Raises:
        UserError: it has none, or not of one that is asked for.
    """
    held = [
        lang
        for lang in layout.languages()
        if any(layout.table(kind, lang) is not None for kind in KINDS)
    ]
    if not held:
        raise UserError(
            f"{layout.folder}: no translations; make them with "
            "preprocess/translate.py, or give the --task whose raw folder this is"
        )
    if asked is None:
        return held
    langs = read_languages("--langs", asked)
    lacking = sorted(set(langs) - set(held))
    if lacking:
        raise UserError(
            f"--langs {','.join(lacking)}: {layout.folder} has translations for "
            f"{','.join(held)} alone; give some of these"
        )
    return langs


def read_sets(layout: RawLayout, langs: Sequence[str]) -> Iterator[TranslatedSet]:
    """The files of translations, with what they were made from; one at a time.

    Raises:
        UserError: a file is not as it must be, or two do not belong together.
    """
    for kind in KINDS:
        for lang in langs:
            found = read_set(layout, kind, lang)
            if found is not None:
                yield found


def read_set(layout: RawLayout, kind: str, lang: str) -> Optional[TranslatedSet]:
    """A file of translations; None where it, or what it was made from, is not there."""
    table = layout.table(kind, lang)
    if table is None:
        return None
    origin = layout.source_lang if kind == TRAIN else lang
    source = table if table.has_source else layout.table(MADE_FROM[kind], origin)
    if source is None:
        return None
    back = layout.table(BACK, lang) if kind == TRAIN else None
    translator = layout.files.translator(is_trained=False)
    counts: Counter = Counter(dict.fromkeys((ROWS, EMPTY, UNCHANGED), 0))
    rows = []
    aligned = align(table, [source, back], same_labels=False)
    for row, (of_row, back_row) in tqdm(aligned, kind, unit=" rows", disable=None):
        if of_row is None:
            counts[ROWS] += 1
            continue
        given, made = translator.parts(of_row), translator.parts(row)
        made = list(map(one_line, made))
        translator.count(given, made, counts)
        again: List[Optional[str]] = [None] * len(given)
        if back_row is not None:
            again = list(map(one_line, translator.parts(back_row)))
        texts = [
            Text(one_line(x), y, z)
            for x, y, z in zip(given, made, again)
            if not is_blank(x) and not is_blank(y)
        ]
        if texts:
            place = f"line {row.line}" if row.id is None else str(row.id)
            rows.append(TranslatedRow(row, of_row, place, texts))
    name = table.path.relative_to(layout.folder).as_posix()
    told = read_manifest(layout.folder).get(name, {})
    if told and told["sha256"] != sha256_of(table.path):  # changed by somebody else
        told = {}
    engine, all_told = told.get("engine", {}).get("engine"), told.get("counts", {})
    further = {what: all_told[what] for what in all_told if what not in counts}
    return TranslatedSet(kind, lang, name, rows, dict(counts), further, engine)
