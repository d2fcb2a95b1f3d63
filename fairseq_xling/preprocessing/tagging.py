"""Raw tagged sentences to binarized data: preprocess/{udpos,panx}.py."""

import argparse
import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import SplitEntry, stream_prefix
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.tagging.encode import WordEncoder
from fairseq_xling.families.tagging.raw import WITHHELD, SentenceFile
from fairseq_xling.preprocessing.raw_layout import Places, RawLayout, SplitSources
from fairseq_xling.preprocessing.run import (
    build_parser,
    chunks,
    parse_args,
    run,
    summary,
)

logger = logging.getLogger(__name__)

TRANSLATED: Dict[str, List[str]] = {
    "translate-train": [
        "translate-train/{src}-{lang}-translated.tsv",
        "translate-train/{src}-{lang}-translated.conllu",
        "translate-train/{src}-{lang}-translated.txt",
    ],
    "back-translation": [
        "translate-train-{src}/{src}-{lang}-{src}-translated.tsv",
        "translate-train-{src}/{src}-{lang}-{src}-translated.txt",
    ],
    **{
        f"translate-{split}": [
            f"translate-{split}/{split}-{{lang}}-{{src}}-translated.tsv",
            f"translate-{split}/{split}-{{lang}}-{{src}}-translated.conllu",
            f"translate-{split}/{split}-{{lang}}-{{src}}-translated.txt",
        ]
        for split in ("dev", "test")
    },
}


@one_line_errors()
def main(
    task: str,
    tags: Sequence[str],
    places: Places,
    chunked: bool,
    argv: Optional[Sequence[str]] = None,
) -> None:
    """Read raw data and write the binarized folder.

    Args:
        task: name of the benchmark, for the manifest.
        tags: tags in the order of their ids.
        places: where labelled files are looked for; those of ``TRANSLATED`` are added.
        chunked: whether tags mark chunks, in IOB.
        argv: command line arguments (default: those of the process).

    Raises:
        UserError: anything in the raw data or the arguments that is wrong.
    """
    parser = build_parser(task)
    parser.add_argument(
        "--labels", help=f"comma list of the tags (default: {','.join(tags)})"
    )
    parser.add_argument(
        "--map-label",
        action="append",
        default=[],
        metavar="FROM=TO",
        help="read a tag, or a type of chunks, as another, such as DATE=O; repeatable",
    )
    args = parse_args(parser, argv)
    if args.labels is not None:
        tags = args.labels.split(",")
        if "" in tags or len(set(tags)) < len(tags):
            raise UserError(f"--labels {args.labels}: give each tag once, none empty")
    known = known_tags(tags, args)

    def open_file(paths: List[Path], lang: Optional[str]) -> SentenceFile:
        return SentenceFile(paths, known, chunked)

    layout = RawLayout(args.raw, args.source_lang, {**places, **TRANSLATED}, open_file)
    run(args, task, tags, layout, WordEncoder, write_split)


def known_tags(tags: Sequence[str], args: argparse.Namespace) -> Dict[str, str]:
    """The tags by the names that raw data may have for them.

    Raises:
        UserError: a ``--map-label`` is not of the form, or leads to an unknown tag.
    """
    known = {tag: tag for tag in tags}
    seen = set()
    for mapping in args.map_label:
        old, equals, new = mapping.partition("=")
        if not (old and equals and new):
            raise UserError(
                f"--map-label {mapping}: give it as FROM=TO, such as DATE=O"
            )
        if old in seen:
            raise UserError(f"--map-label {mapping}: {old} is given twice; choose one")
        seen.add(old)
        if new in tags:
            pairs = {old: new, f"B-{old}": new, f"I-{old}": new}
        else:
            pairs = {f"{mark}-{old}": f"{mark}-{new}" for mark in "BI"}
        if not set(pairs.values()) <= set(tags):
            raise UserError(
                f"--map-label {mapping}: {new} is not among the tags "
                f"({', '.join(tags)}); give one of them, or more tags with --labels"
            )
        known.update(pairs)
    return known


def write_split(
    part: SplitSources, folder: Path, encoder: WordEncoder, labels: Dictionary
) -> SplitEntry:
    """Write the streams of one split in one language."""
    # A source is trained on, too, where it has tags; then its words are marked.
    learns_source = part.split == "train" and part.source is not None
    names = ["input", "word_starts"] + ["tags"] * part.input.has_labels
    names += ["source"] * (part.source is not None)
    if learns_source and part.source is not None and part.source.has_labels:
        names += ["source_word_starts", "source_tags"]
    names += ["backtranslation"] * (part.backtranslation is not None)
    sizes = {"tags": len(labels), "source_tags": len(labels)}
    # Positions in a sentence: more than this says, so that they are 32 bits.
    sizes.update({"word_starts": 1 << 30, "source_word_starts": 1 << 30})
    writers = {
        name: StreamWriter(
            stream_prefix(folder, part.split, part.lang, name),
            sizes.get(name, len(encoder.dictionary)),
        )
        for name in names
    }
    rows = words = longest = withheld = empty = 0
    unpaired = {"source": 0, "backtranslation": 0}
    with tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None) as progress:
        for whole_chunk in chunks(part, same_labels=False):
            chunk = [aligned for aligned in whole_chunk if aligned[0].is_whole]
            withheld += sum(row.is_withheld for row, _ in whole_chunk)
            empty += sum(not row.words for row, _ in whole_chunk)
            if not chunk:
                continue
            sentences = {"input": [row for row, _ in chunk]}
            for position, name in enumerate(unpaired):
                sentences[name] = [others[position] for _, others in chunk]
            for name, group in sentences.items():
                if name not in writers:
                    continue
                encoded = encoder.encode([row and row.words for row in group])
                refuse_empty(group, encoded.words, encoded.known)
                writers[name].write(encoded.tokens, encoded.lengths)
                prefix = "" if name == "input" else f"{name}_"
                if f"{prefix}word_starts" in writers:
                    writer = writers[f"{prefix}word_starts"]
                    writer.write(encoded.starts, encoded.words)
                if f"{prefix}tags" in writers:
                    writer = writers[f"{prefix}tags"]
                    writer.write(tag_ids(group, labels), encoded.words)
                if name == "input":
                    words += int(encoded.words.sum())
                    longest = max(longest, int(encoded.lengths.max()))
            rows += len(chunk)
            for name in unpaired:
                unpaired[name] += sentences[name].count(None)
            progress.update(len(chunk))
    for writer in writers.values():
        writer.close()
    # A set without which training goes on is left out; there may be other languages.
    if not rows and (part.split == "train" or not withheld):
        what = f"words, all are withheld ({WITHHELD})" if withheld else "rows"
        raise UserError(f"{part.input.path}: has no {what}; give it some, or remove it")
    remarks = {
        "without a translation, left out": empty,
        f"with withheld words ({WITHHELD}), left out": withheld,
        "words": words,
    }
    remarks.update({f"without {n}": k for n, k in unpaired.items() if n in names})
    remarks["tokens in the longest"] = longest
    logger.info(f"{part.split}.{part.lang}: {summary(rows, remarks, encoder)}")
    return SplitEntry(rows, names)


def tag_ids(sentences: Sequence, labels: Dictionary) -> np.ndarray:
    """Label ids of all words of all sentences, concatenated."""
    tags = [tag for row in sentences if row is not None for tag in row.tags]
    return np.array([labels.index(tag) for tag in tags], np.int64)


def refuse_empty(sentences: Sequence, words: np.ndarray, known: np.ndarray) -> None:
    """Refuse sentences of which SentencePiece leaves nothing.

    Raises:
        UserError: there is one; the message names its file and line.
    """
    for i in np.flatnonzero((words > 0) & (known == 0)):
        raise UserError(
            f"{sentences[i].path}, line {sentences[i].line}: no word of this sentence "
            "has a visible character; give it words, or remove it (of running text "
            "empty the line)"
        )
