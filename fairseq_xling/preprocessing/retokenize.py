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

from fairseq_xling.data.binarize import SplitWriter
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
from fairseq_xling.families.encode import TEXTS, RowEncoder
from fairseq_xling.families.pairs.encode import PairEncoder
from fairseq_xling.families.tagging.encode import WordEncoder
from fairseq_xling.families.tagging.raw import TaggedSentence, split_words
from fairseq_xling.files.atomic import atomic_file, atomic_folder
from fairseq_xling.files.destination import check_new
from fairseq_xling.multimix.selected_data import copy_stream
from fairseq_xling.multimix.store import MOST_POSITIONS, read_variants, variants_name
from fairseq_xling.preprocessing.binarize import CHUNK_ROWS, copy_vocabulary

logger = logging.getLogger(__name__)

# Where a text's words begin.
STARTS = {"input": "word_starts", "source": "source_word_starts"}
# What is told of a virtual sample that does not depend on its pieces.
KEPT = ("row", "variant", "words", "log_prob")


def retokenize(data: Path, tokenizer: str, dictionary: str, destination: Path) -> None:
    """Write binarized data anew; labels and tags stay.

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
    kind = WordEncoder if "word_starts" in held else PairEncoder
    encoder = kind(tokenizer, load_dictionary(dictionary))
    reader = Reader(data, manifest, kind is WordEncoder)
    load_labels(data, manifest)  # of which a copy is written
    with atomic_folder(destination) as work:
        for split, entries in manifest.splits.items():
            for lang, entry in entries.items():
                write_part(reader, encoder, work, (split, lang), entry)
        shutil.copyfile(data / "label.dict.txt", work / "label.dict.txt")
        vocabulary = copy_vocabulary(dictionary, tokenizer, work, encoder)
        dataclasses.replace(manifest, **vocabulary).save(work)
    logger.info(f"wrote {destination}")


class Reader:
    """The texts of binarized data.

    Args:
        has_words: whether texts are sentences of words, not pairs.
    """

    def __init__(self, data: Path, manifest: Manifest, has_words: bool = False) -> None:
        self.data = data
        self.has_words = has_words
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

    def rows(self, part: Tuple[str, str], stream: str, starts: str) -> Iterator[Any]:
        """The rows of a stream, as the encoder takes them; None for an empty one.

        Args:
            starts: where its words begin, or "" where that is not known.
        """
        begins = self.open(part, starts) if starts else None
        for row, tokens in enumerate(self.open(part, stream)):
            if not len(tokens):
                yield None
            elif not self.has_words:
                yield self.pair(tokens)
            else:
                words = self.words(tokens, begins[row]) if begins else None
                words = split_words(self.text(tokens)) if words is None else words
                yield TaggedSentence(words, None, None, row, self.data)


def write_part(
    reader: Reader,
    encoder: RowEncoder,
    work: Path,
    part: Tuple[str, str],
    entry: SplitEntry,
) -> None:
    """Write all streams of a split in a language."""
    names = [name for name in entry.streams if name in (*TEXTS, *STARTS.values())]
    texts = {}
    for name in filter(TEXTS.__contains__, names):
        starts = STARTS.get(name, "")
        texts[name] = reader.rows(part, name, starts if starts in names else "")
    size = len(encoder.dictionary)
    symbols = {name: size if name in texts else MOST_POSITIONS for name in names}
    writer = SplitWriter(work, *part, symbols)
    with tqdm(total=entry.rows, desc=".".join(part), disable=None) as bar:
        for _ in range(0, entry.rows, CHUNK_ROWS):
            rows = {x: list(itertools.islice(y, CHUNK_ROWS)) for x, y in texts.items()}
            writer.write(encoder.encode(rows, names))
            bar.update(len(rows["input"]))
    writer.close()
    for name in entry.streams:
        if name not in names:
            prefix = stream_prefix(reader.data, *part, name)
            copy_stream(prefix, stream_prefix(work, *part, name))
    about = reader.data / variants_name(".".join(part))
    if about.exists():
        with atomic_file(work / about.name) as new:
            for told in read_variants(about):
                kept = {name: told[name] for name in KEPT if name in told}
                new.write(json.dumps(kept) + "\n")
