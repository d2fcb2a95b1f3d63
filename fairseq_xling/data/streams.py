"""The streams of one split in one language, as fairseq's memory-mapped readers."""

import logging
import os
from dataclasses import dataclass
from typing import Iterable, Optional

import numpy as np
from fairseq.data.indexed_dataset import MMapIndexedDataset

from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.data.stream_checks import check_streams
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

# The commands that write streams after preprocessing.
WRITERS = {"soft_tags": "xling-pseudo-label"}


@dataclass
class Streams:
    """Row-aligned streams of one split in one language.

    Attributes:
        lang: the language.
        input: the text, one sequence a row.
        source: its counterpart in the source language; empty rows have none.
        backtranslation: the source text translated there and back.
        label: one token a row, an index of the label dictionary.
        word_starts, source_word_starts: position of each word's first token.
        tags, source_tags: an index of the label dictionary a word.
        soft_tags: a distribution over the tags a word, as bits of 16-bit floats.
        context_length: tokens of the passage, one number a row.
        span, source_span: first and last token of the answer, or nothing.
        offsets: first character and the one after the last of each passage token.
    """

    lang: str
    input: MMapIndexedDataset
    source: Optional[MMapIndexedDataset] = None
    backtranslation: Optional[MMapIndexedDataset] = None
    label: Optional[MMapIndexedDataset] = None
    word_starts: Optional[MMapIndexedDataset] = None
    source_word_starts: Optional[MMapIndexedDataset] = None
    tags: Optional[MMapIndexedDataset] = None
    source_tags: Optional[MMapIndexedDataset] = None
    soft_tags: Optional[MMapIndexedDataset] = None
    context_length: Optional[MMapIndexedDataset] = None
    span: Optional[MMapIndexedDataset] = None
    source_span: Optional[MMapIndexedDataset] = None
    offsets: Optional[MMapIndexedDataset] = None

    def __len__(self) -> int:
        return len(self.input)

    def lengths(self, max_length: int) -> np.ndarray:
        """Longest of each row's sequences, in tokens, at most ``max_length``."""
        lengths = np.array(self.input.sizes)
        for stream in (self.source, self.backtranslation):
            if stream is not None:
                lengths = np.maximum(lengths, stream.sizes)
        return np.minimum(lengths, max_length)

    def paired(self) -> np.ndarray:
        """Which rows have a counterpart, bool ``(rows,)``."""
        if self.source is None:
            return np.zeros(len(self), bool)
        return np.asarray(self.source.sizes) > 0


def open_streams(
    folder: str,
    manifest: Manifest,
    split: str,
    lang: str,
    wanted: set,
    needed: Iterable[str] = (),
) -> Streams:
    """Open the streams of a split in a language, those of ``wanted`` that exist.

    Args:
        needed: those that must exist, beside ``input``.

    Raises:
        UserError: the manifest lacks one that is needed; a file that it names is
            missing, damaged or has another number of rows; or what is in there cannot
            be, see :func:`check_streams`.
    """
    entry = manifest.splits[split][lang]
    lacking = sorted({"input", *needed} - set(entry.streams))
    if lacking:
        raise UserError(
            f"{folder}: {split}.{lang} has no stream {', '.join(lacking)} by "
            "manifest.json; run preprocessing again, or give another split"
        )
    opened = {}
    for stream in sorted({"input", "label"} | wanted):
        if stream in entry.streams:
            prefix = stream_prefix(folder, split, lang, stream)
            mend = f"run {WRITERS.get(stream, 'preprocessing')} again"
            opened[stream] = open_stream(prefix, entry.rows, mend)
    check_streams(opened, manifest, os.path.join(folder, f"{split}.{lang}"))
    return Streams(lang, **opened)


def check_lengths(
    streams: Streams, folder: str, split: str, max_positions: int, truncate: bool
) -> None:
    """Refuse sequences over the limit, or count them when they are to be shortened."""
    for name in ("input", "source", "backtranslation"):
        stream = getattr(streams, name)
        if stream is None:
            continue
        over = np.flatnonzero(np.asarray(stream.sizes) > max_positions)
        if len(over) == 0:
            continue
        where = os.path.basename(stream_prefix(folder, split, streams.lang, name))
        if not truncate:
            row = int(over[0])
            raise UserError(
                f"{folder}/{where}: row {row + 1} has {int(stream.sizes[row])} tokens, "
                f"over --max-positions {max_positions} (as have {len(over) - 1} more "
                "rows); shorten them with --truncate-sequence"
            )
        logger.info(
            f"{where}: {len(over)} of {len(stream)} rows are shortened to "
            f"{max_positions} tokens"
        )
