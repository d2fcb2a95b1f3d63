"""What the numbers of streams must be; looked at once, when they are opened."""

from typing import Any, Dict

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.stream_files import check_range, refuse, rows_of, values_of

SPECIALS = Dictionary().nspecial
# The bits of a 16-bit float of 1.
ONE = 0x3C00
TEXTS = ("input", "source", "backtranslation")
MENDS = {"soft_tags": "run xling-pseudo-label --overwrite"}
PREPROCESS = "run preprocessing again"


def check_streams(opened: Dict[str, Any], manifest: Manifest, name: str) -> None:
    """Refuse numbers that training would fail at, or be wrong with in silence.

    Args:
        opened: the streams of a split in a language, by their names.
        name: what the split is called in messages, such as ``data-bin/train.de``.
    """
    labels = SPECIALS + len(manifest.labels)
    ranges = {
        **{text: (0, manifest.dictionary_size, "token") for text in TEXTS},
        **{tag: (SPECIALS, labels, "label") for tag in ("label", "tags")},
        "source_tags": (SPECIALS, labels, "label"),
        "soft_tags": (0, ONE + 1, "probability bits"),
    }
    for stream, (low, high, what) in ranges.items():
        if stream in opened:
            mend = MENDS.get(stream, PREPROCESS)
            check_range(f"{name}.{stream}", opened[stream], low, high, what, mend)
    for stream in ("label", "context_length"):
        if stream in opened:
            wrong = np.asarray(opened[stream].sizes) != 1
            what = "has not one number"
            refuse(f"{name}.{stream}", opened[stream], wrong, what, PREPROCESS)
    if "context_length" in opened:
        _check_contexts(opened, manifest, name)
    for text, prefix in (("input", ""), ("source", "source_")):
        if text in opened:
            _check_words(opened, text, f"{prefix}word_starts", name)
            _check_span(opened, text, f"{prefix}span", manifest, name)
    if "source_word_starts" in opened and "source_tags" in opened:
        tags = opened["source_tags"]
        wrong = np.asarray(tags.sizes) != np.asarray(opened["source_word_starts"].sizes)
        what = "has not one tag for each word"
        refuse(f"{name}.source_tags", tags, wrong, what, PREPROCESS)


def _check_words(opened: Dict[str, Any], text: str, stream: str, name: str) -> None:
    """Words begin one after the other, between ``<s>`` and ``</s>``."""
    if stream not in opened:
        return
    held = opened[stream]
    values, rows = values_of(held).astype(np.int64), rows_of(held)
    ends = np.asarray(opened[text].sizes, np.int64)[rows] - 1
    before = np.concatenate([[0], values[:-1]])
    before[np.concatenate([[True], rows[1:] != rows[:-1]])[: len(rows)]] = 0
    wrong = (values <= before) | (values >= ends)
    what = "has a word at token {}, where none can begin"
    refuse(f"{name}.{stream}", held, wrong, what, PREPROCESS)


def _check_span(
    opened: Dict[str, Any], text: str, stream: str, manifest: Manifest, name: str
) -> None:
    """First and last token of an answer, in this order, in the passage; or nothing."""
    if stream not in opened:
        return
    held = opened[stream]
    counts = np.asarray(held.sizes)
    wrong = (counts != 0) & (counts != 2)
    refuse(f"{name}.{stream}", held, wrong, "has not two numbers", PREPROCESS)
    values, rows = values_of(held).astype(np.int64), rows_of(held)
    sizes = np.asarray(opened[text].sizes, np.int64)
    begins = np.full(len(sizes), 1 + manifest.separators)
    if text == "input" and "context_length" in opened:
        begins = sizes - 1 - values_of(opened["context_length"])
    wrong = (values < begins[rows]) | (values > sizes[rows] - 2)
    wrong[1::2] |= values[1::2] < values[::2]
    what = "has an answer at token {}, outside of its passage"
    refuse(f"{name}.{stream}", held, wrong, what, PREPROCESS)


def _check_contexts(opened: Dict[str, Any], manifest: Manifest, name: str) -> None:
    """A passage has tokens, fewer than its row; and two characters for each."""
    held = opened["context_length"]
    values = values_of(held).astype(np.int64)
    sizes = np.asarray(opened["input"].sizes, np.int64)
    wrong = (values < 1) | (values > sizes - 2 - manifest.separators)
    what = "has a passage of {} tokens"
    refuse(f"{name}.context_length", held, wrong, what, PREPROCESS)
    if "offsets" in opened:
        offsets = opened["offsets"]
        wrong = np.asarray(offsets.sizes) != 2 * values
        what = "has not two characters for each token of the passage"
        refuse(f"{name}.offsets", offsets, wrong, what, PREPROCESS)
        places = values_of(offsets).astype(np.int64)
        wrong = places < 0
        wrong[1::2] |= places[1::2] < places[::2]
        what = "has character {} where none can be"
        refuse(f"{name}.offsets", offsets, wrong, what, PREPROCESS)
