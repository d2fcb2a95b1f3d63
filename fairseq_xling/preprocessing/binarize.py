"""Raw folders to binarized data: one loop for every family, and for parallel text."""

import codecs
import itertools
import logging
import operator
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Type

from tqdm import tqdm

from fairseq_xling.data.binarize import SplitWriter, TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest, SplitEntry
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import LONGEST, Chunk, Encoded, RowEncoder
from fairseq_xling.families.raw import COUNTERPARTS, Aligned, RawSplit
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.aligned_rows import align
from fairseq_xling.preprocessing.processes import map_in_order
from fairseq_xling.preprocessing.raw_layout import RawLayout, say_what_is_missing
from fairseq_xling.version import __version__

logger = logging.getLogger(__name__)

CHUNK_ROWS = 8192
Entries = Dict[str, Dict[str, SplitEntry]]


@dataclass
class Output:
    """Where binarized data go, and by whose vocabulary.

    Attributes:
        destdir: the folder to write.
        tokenizer, dictionary: files of the model.
        workers: processes that encode; threads, of a few rows.
    """

    destdir: Path
    tokenizer: str
    dictionary: str
    workers: int

    def encoder(self, kind: Type[RowEncoder], labels: Sequence[str]) -> RowEncoder:
        """An encoder of rows for the model, by the labels in the order of their ids."""
        dictionary = load_dictionary(self.dictionary)
        encoder = kind(self.tokenizer, dictionary, self.workers)
        for label in labels:
            encoder.labels.add_symbol(label)
        return encoder

    def finish(self, folder: Path, encoder: RowEncoder, **told: Any) -> None:
        """Write what a folder of binarized data has beside its streams."""
        found = copy_vocabulary(self.dictionary, self.tokenizer, folder, encoder)
        Manifest(version=__version__, **found, **told).save(folder)
        logger.info(f"wrote {self.destdir}")


def binarize(
    task: str, layout: RawLayout, target_langs: Optional[str], output: Output
) -> None:
    """Write a benchmark's binarized folder.

    Raises:
        UserError: anything in the raw data that is wrong.
    """
    langs = choose_languages(layout, target_langs)
    encoder = output.encoder(layout.files.encoder, layout.files.labels)
    splits = layout.splits(langs)
    source_lang = layout.source_lang
    require_labels(splits, source_lang)
    say_what_is_missing(splits, langs, source_lang)
    layout.say_what_is_not_read(langs)
    with atomic_folder(output.destdir) as folder:
        entries: Entries = {}
        for part in splits:
            others = [part.source, part.backtranslation]
            rows = align(part.input, others, same_labels=part.split == "train")
            write_split(part, rows, folder, encoder, entries)
        compare_row_counts(entries["train"], source_lang)
        encoder.labels.save(str(folder / "label.dict.txt"))
        held = {lang for by_lang in entries.values() for lang in by_lang}
        output.finish(
            folder,
            encoder,
            task=task,
            source_lang=source_lang,
            languages=[source_lang, *(lang for lang in langs if lang in held)],
            labels=list(layout.files.labels),
            splits=entries,
        )


def write_split(
    part: Any,
    aligned: Iterator[Aligned],
    folder: Path,
    encoder: RowEncoder,
    entries: Entries,
) -> None:
    """Write the streams of one split in one language.

    Args:
        part: the split, a :class:`RawSplit` or what the encoder takes for one.
        aligned: its rows, with their counterparts in the order of ``COUNTERPARTS``.
        entries: gets the split's; one without rows that may be left out gets none.

    Raises:
        UserError: a row is refused, or there are none.
    """
    stem = f"{part.split}.{part.lang}"
    names = encoder.streams(part)
    symbols = {name: encoder.symbols(name) for name in names}
    writer = SplitWriter(folder, part.split, part.lang, symbols)
    count = tokens = unknown = 0
    remarks: Counter = Counter()
    chunks = iter(lambda: list(itertools.islice(aligned, CHUNK_ROWS)), [])
    work = partial(encode_chunk, encoder, part, names)
    with tqdm(desc=stem, unit=" rows", disable=None) as progress:
        for one in map_in_order(work, chunks, encoder.processes, encoder.be_single):
            progress.update(one.read)
            for what, number in one.remarks.items():
                join = max if what == LONGEST else operator.add
                remarks[what] = join(remarks[what], number)
            if not one.streams:
                continue
            writer.write(one.streams)
            if one.lines:
                with open(
                    folder / f"{stem}.examples.jsonl", "a", encoding="utf-8"
                ) as f:
                    f.write(one.lines)
            count += one.written
            tokens += one.tokens
            unknown += one.unknown
    writer.close()
    if count:
        entries.setdefault(part.split, {})[part.lang] = SplitEntry(count, names)
    else:
        if what := encoder.lacking(part, remarks):
            raise UserError(
                f"{part.input.path}: has no {what}; give it some, or remove it"
            )
        for path in folder.glob(f"{stem}.*"):
            path.unlink()
    said = [f"{number} {what}" for what, number in remarks.items() if number]
    said.append(f"{unknown / max(tokens, 1):.2%} unknown pieces")
    logger.info(f"{stem}: {', '.join([f'{count} rows', *said])}")


class EncodedChunk(NamedTuple):
    """What is made of some rows of a split.

    Attributes:
        read, written: how many rows there were, and are left.
        streams: of those; nothing where none had what it needs.
        lines: what evaluation reads beside them.
        remarks: what is special, by how the log says it.
        tokens, unknown: how many pieces there are, and those not in the dictionary.
    """

    read: int
    written: int
    streams: Encoded
    lines: str
    remarks: Counter
    tokens: int
    unknown: int


def encode_chunk(
    encoder: RowEncoder, part: Any, names: Sequence[str], read: Chunk
) -> EncodedChunk:
    """Encode some rows of a split; arguments as in :func:`write_split`."""
    remarks: Counter = Counter()
    encoder.tokens = encoder.unknown = 0
    chunk = encoder.whole(part, read, remarks)
    if not chunk:
        return EncodedChunk(len(read), 0, {}, "", remarks, 0, 0)
    rows: Dict[str, List[Any]] = {"input": [row for row, _ in chunk]}
    for place, name in enumerate(COUNTERPARTS):
        if name in names:
            rows[name] = [others[place] for _, others in chunk]
    streams = encoder.encode(rows, names)
    kept = encoder.kept(streams, remarks)
    if not kept.all():
        streams = {name: one.take(kept) for name, one in streams.items()}
    written = list(itertools.compress(rows["input"], kept))
    encoder.note(written, streams, remarks)
    lines, counts = encoder.examples(part, written), (encoder.tokens, encoder.unknown)
    return EncodedChunk(len(read), len(written), streams, lines, remarks, *counts)


def copy_vocabulary(
    dictionary: str, tokenizer: str, folder: Path, encoder: TextEncoder
) -> Dict[str, Any]:
    """Copy dictionary and tokenizer, without byte order marks, to binarized data.

    Returns:
        what the manifest says of them.
    """
    for source, name in (
        (dictionary, "dict.txt"),
        (tokenizer, encoder.tokenizer.file_name),
    ):
        raw = Path(source).read_bytes()
        (folder / name).write_bytes(raw.removeprefix(codecs.BOM_UTF8))
    return {
        "dictionary_size": len(encoder.dictionary),
        "dictionary_sha256": sha256_of(dictionary),
        "tokenizer_sha256": sha256_of(tokenizer),
        "tokenizer": encoder.tokenizer.kind,
    }


def require_labels(splits: Sequence[RawSplit], source_lang: str) -> None:
    """Refuse parts that are trained on with labels of their own, and have none."""
    for part in splits:
        needs = part.lang == source_lang or part.input.labels_survive_translation
        if part.split == "train" and needs and not part.input.has_labels:
            raise UserError(
                f"{part.input.path}: has no labels, which training needs; give it a "
                "column of them"
            )


def compare_row_counts(train: Dict[str, SplitEntry], source_lang: str) -> None:
    """Log which translations have more or fewer rows than the source language."""
    rows = train[source_lang].rows
    for lang, entry in train.items():
        if entry.rows != rows:
            logger.warning(
                f"train.{lang}: {entry.rows} rows, but train.{source_lang} has {rows}"
            )


def choose_languages(layout: RawLayout, wanted: Optional[str]) -> List[str]:
    """The target languages, sorted."""
    held = layout.languages()
    if wanted is None:
        return held
    given = read_languages("--target-langs", wanted)
    langs = sorted(set(given) - {layout.source_lang})
    for lang in langs:
        if lang not in held:
            raise UserError(
                f"--target-langs {lang}: {layout.folder} has no file in that language; "
                f"it has {','.join(held) or 'none'}"
            )
    return langs
