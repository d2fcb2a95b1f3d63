"""Binarized data for a model with another tokenizer: texts are encoded anew."""

import dataclasses
import itertools
import json
import logging
import shutil
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from fairseq.data.indexed_dataset import MMapIndexedDataset
from tqdm import tqdm

from fairseq_xling.data.binarize import StreamWriter, TextEncoder
from fairseq_xling.data.dictionaries import (
    load_data_dictionary,
    load_dictionary,
    load_labels,
)
from fairseq_xling.data.manifest import (
    Manifest,
    SplitEntry,
    stream_prefix,
)
from fairseq_xling.data.sequences import split_pair
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.data.tokenizers import find_tokenizer, open_tokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.families.tagging.raw import split_words
from fairseq_xling.files.atomic import atomic_file, atomic_folder
from fairseq_xling.files.destination import check_new
from fairseq_xling.multimix.selected_data import copy_stream
from fairseq_xling.multimix.store import MOST_POSITIONS, read_variants, variants_name
from fairseq_xling.preprocessing.binarize import copy_vocabulary

logger = logging.getLogger(__name__)

TEXTS = ("input", "source", "backtranslation")
# Where a text's words begin.
STARTS = {"input": "word_starts", "source": "source_word_starts"}
# What is told of a virtual sample that does not depend on its pieces.
KEPT = ("row", "variant", "words", "log_prob")
CHUNK_ROWS = 8192


def retokenize(data: Path, tokenizer: str, dictionary: str, destination: Path) -> None:
    """Write binarized data anew; labels and tags stay.

    Args:
        data: folder of binarized data.
        tokenizer, dictionary: files of the other model.
        destination: folder to write.

    Raises:
        UserError: the data are of questions, or a file is missing or another one's.
    """
    check_new(destination, "--destdir")
    manifest = Manifest.load(data)
    held = {s for x in manifest.splits.values() for e in x.values() for s in e.streams}
    if "context_length" in held:
        raise UserError(
            f"{data}: holds {manifest.task} data, whose answers have places in the "
            "text; preprocess the raw data with the other tokenizer"
        )
    has_words = "word_starts" in held
    encoder = TextEncoder(tokenizer, load_dictionary(dictionary))
    reader = Reader(data, manifest)
    load_labels(data, manifest)  # of which a copy is written
    with atomic_folder(destination) as work:
        for split, entries in manifest.splits.items():
            for lang, entry in entries.items():
                write_part(reader, encoder, has_words, work, (split, lang), entry)
        shutil.copyfile(data / "label.dict.txt", work / "label.dict.txt")
        vocabulary = copy_vocabulary(dictionary, tokenizer, work, encoder)
        dataclasses.replace(manifest, **vocabulary).save(work)
    logger.info(f"wrote {destination}")


class Reader:
    """The texts of binarized data.

    Args:
        data: the folder.
        manifest: its.
    """

    def __init__(self, data: Path, manifest: Manifest) -> None:
        self.data = data
        self.separators = manifest.separators
        self.dictionary = load_data_dictionary(str(data), manifest)
        self.tokenizer = open_tokenizer(str(find_tokenizer(data)))

    def open(self, part: Tuple[str, str], stream: str) -> MMapIndexedDataset:
        """A stream of a split in a language."""
        return open_stream(stream_prefix(self.data, *part, stream))

    def text(self, tokens: Any) -> str:
        """The text of tokens, without specials."""
        special = self.dictionary.nspecial - 1  # <unk> is text
        pieces = [self.dictionary[int(x)] for x in tokens if x >= special]
        return self.tokenizer.decode(pieces)

    def words(self, tokens: Any, starts: Any) -> List[str]:
        """The words of a sentence; one that was not known is a sign."""
        bounds = [*starts.tolist(), len(tokens) - 1]
        # Of the pieces of one word, none stands apart.
        parts = [self.text(tokens[a:b]) for a, b in zip(bounds, bounds[1:])]
        return ["".join(part.split()) for part in parts]

    def pair(self, tokens: Any) -> List[str]:
        """Both sentences of a pair."""
        texts = split_pair(tokens, self.dictionary.eos(), self.separators)
        return [self.text(text) for text in texts]


def write_part(
    reader: Reader,
    encoder: TextEncoder,
    has_words: bool,
    work: Path,
    part: Tuple[str, str],
    entry: SplitEntry,
) -> None:
    """Write all streams of a split in a language."""
    for stream in entry.streams:
        if stream in TEXTS:
            write_text(reader, encoder, has_words, work, part, stream, entry)
        elif stream not in STARTS.values():
            prefix = stream_prefix(reader.data, *part, stream)
            copy_stream(prefix, stream_prefix(work, *part, stream))
    about = reader.data / variants_name(".".join(part))
    if about.exists():
        with atomic_file(work / about.name) as new:
            for told in read_variants(about):
                kept = {name: told[name] for name in KEPT if name in told}
                new.write(json.dumps(kept) + "\n")


def write_text(
    reader: Reader,
    encoder: TextEncoder,
    has_words: bool,
    work: Path,
    part: Tuple[str, str],
    stream: str,
    entry: SplitEntry,
) -> None:
    """Write one stream of text, and where its words begin."""
    symbols = len(encoder.dictionary)
    text = StreamWriter(stream_prefix(work, *part, stream), symbols)
    name = STARTS.get(stream, "")
    begins = None
    if name in entry.streams:
        begins = StreamWriter(stream_prefix(work, *part, name), MOST_POSITIONS)
    rows = read_rows(reader, has_words, part, stream, name if begins else "")
    bar = tqdm(total=entry.rows, desc=f"{'.'.join(part)}.{stream}", disable=None)
    with bar:
        while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
            if has_words:
                tokens, starts = encoder.words(chunk)
            else:
                tokens = encoder.pairs(chunk)
            text.write(*tokens)
            if begins is not None:
                begins.write(*starts)
            bar.update(len(chunk))
    text.close()
    if begins is not None:
        begins.close()


def read_rows(
    reader: Reader, has_words: bool, part: Tuple[str, str], stream: str, name: str
) -> Iterator[Any]:
    """The rows of a stream, as lists of words or as pairs; None where one is empty."""
    tokens = reader.open(part, stream)
    starts = reader.open(part, name) if name else None
    for row in range(len(tokens)):
        if tokens.sizes[row] == 0:
            yield None
        elif starts is not None:
            yield reader.words(tokens[row], starts[row])
        elif has_words:
            yield split_words(reader.text(tokens[row]))
        else:
            yield reader.pair(tokens[row])
