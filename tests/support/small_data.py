"""Small binarized data for tests, written with fairseq's own builder."""

from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDatasetBuilder
from omegaconf import OmegaConf

from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.data.tokenizers import SENTENCEPIECE_NAME
from fairseq_xling.version import __version__

SYMBOLS = 60
Rows = List[torch.Tensor]


def dictionary_of(symbols: Sequence[str]) -> Dictionary:
    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol)
    return dictionary


def tiny_dictionary() -> Dictionary:
    return dictionary_of([f"w{index}" for index in range(SYMBOLS)])


def write_stream(prefix: str, rows: Rows) -> None:
    builder = MMapIndexedDatasetBuilder(f"{prefix}.bin", dtype=np.int32)
    for row in rows:
        builder.add_item(row)
    builder.finalize(f"{prefix}.idx")


def empty(rows: Rows, step: int, first: int = 0) -> Rows:
    """The same rows, with nothing in each of so many."""
    rows[first::step] = [torch.tensor([])] * len(range(first, len(rows), step))
    return rows


def write_data(
    folder: Path,
    task: str,
    labels: Sequence[str],
    rows: Dict[str, int],
    languages: Sequence[str],
    without: Sequence[str],
    draw: Callable[[str, str, int], Dict[str, Rows]],
) -> Path:
    """Write a folder of binarized data.

    Args:
        rows: rows of each split in each language.
        without: streams, as ``"split.lang.stream"``, to leave out.
        draw: the streams of a split in a language, of so many rows.
    """
    folder.mkdir(parents=True)
    dictionary = tiny_dictionary()
    dictionary.save(str(folder / "dict.txt"))
    dictionary_of(labels).save(str(folder / "label.dict.txt"))
    (folder / SENTENCEPIECE_NAME).write_bytes(b"not used")
    splits: Dict[str, Dict[str, SplitEntry]] = {}
    for split, count in rows.items():
        splits[split] = {}
        for lang in languages:
            streams = draw(split, lang, count)
            kept = [x for x in streams if f"{split}.{lang}.{x}" not in without]
            for stream in kept:
                prefix = stream_prefix(folder, split, lang, stream)
                write_stream(prefix, streams[stream])
            splits[split][lang] = SplitEntry(rows=count, streams=kept)
    Manifest(
        task=task,
        source_lang="en",
        languages=list(languages),
        labels=list(labels),
        splits=splits,
        dictionary_size=len(dictionary) + 1,
        dictionary_sha256="",
        tokenizer_sha256="",
        version=__version__,
    ).save(folder)
    return folder


def setup_task(task: Any, config: Any, data: Path, **options: Any) -> Any:
    """A task that reads the data, as fairseq sets it up."""
    values = {
        "data": str(data),
        "seed": 3,
        "train_subset": "train",
        "max_update": 0,
        "max_epoch": 0,
        "update_freq": [1],
        **options,
    }
    return task.setup_task(OmegaConf.merge(OmegaConf.structured(config), values))
