"""Parallel text to binarized data for pre-training."""

from collections import Counter
from pathlib import Path
from typing import Any, List, Optional, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import Chunk, Encoded, RowEncoder, Rows
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.binarize import Entries, Output, write_split
from fairseq_xling.preprocessing.raw_parallel import ParallelText, find_parallel

SPLITS = ("train", "valid")


def binarize_parallel(
    raw: Path, source_lang: str, target_langs: Optional[str], output: Output
) -> None:
    """Write the binarized folder.

    Args:
        source_lang: one side of every pair of files.
        target_langs: a comma list of languages; None for all that there are.
    """
    if not raw.is_dir():
        raise UserError(f"{raw}: not a folder")
    parts = [
        part
        for split in SPLITS
        for part in choose(raw, split, source_lang, target_langs)
    ]
    encoder = output.encoder(SentenceEncoder, ())
    entries: Entries = {split: {} for split in SPLITS}
    with atomic_folder(output.destdir) as folder:
        for part in parts:
            rows = ((target, [source]) for source, target in part.rows())
            write_split(part, rows, folder, encoder, entries)
        output.finish(
            folder,
            encoder,
            task="parallel",
            source_lang=source_lang,
            languages=[source_lang, *sorted({part.lang for part in parts})],
            labels=[],
            splits=entries,
        )


class SentenceEncoder(RowEncoder):
    """Encodes texts, each by itself."""

    def streams(self, part: Any) -> List[str]:
        return ["input", "source"]

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        """Leave out lines that lack a side."""
        chunk = [
            (target, others)
            for target, others in aligned
            if not any(map(self.is_blank, (target, *others)))
        ]
        remarks["lines left out for lack of a side"] += len(aligned) - len(chunk)
        return chunk

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        return {name: self.sentences(rows[name]) for name in names}

    def lacking(self, part: Any, remarks: Counter) -> str:
        raise UserError(
            f"{part.target}: no line has text both there and in {part.source}; give it "
            "some, or remove both files"
        )


def choose(
    folder: Path, split: str, source_lang: str, wanted: Optional[str]
) -> List[ParallelText]:
    """The pairs of files to read, in the order of their languages.

    Raises:
        UserError: there is none, or a language asked for has no training text.
    """
    found = find_parallel(folder, split, source_lang)
    if wanted is None:
        return found
    langs = set(read_languages("--target-langs", wanted)) - {source_lang}
    lacking = sorted(langs - {part.lang for part in found})
    if lacking and split == "train":
        raise UserError(
            f"--target-langs {','.join(lacking)}: {folder} has no training text for it"
        )
    return [part for part in found if part.lang in langs]
