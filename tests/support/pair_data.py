"""Small binarized sentence-pair data for tests, written with fairseq's own builder."""

from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDatasetBuilder
from omegaconf import OmegaConf

from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.families.pairs.task import PairsConfig
from fairseq_xling.tasks import XMixupXNLITask
from fairseq_xling.version import __version__

LABELS = ["contradiction", "entailment", "neutral"]
SYMBOLS = 60


def tiny_dictionary() -> Dictionary:
    dictionary = Dictionary()
    for index in range(SYMBOLS):
        dictionary.add_symbol(f"w{index}")
    return dictionary


def pair_tokens(first: Sequence[int], second: Sequence[int]) -> torch.Tensor:
    return torch.tensor([0, *first, 2, 2, *second, 2])


def write_stream(prefix: str, rows: List[torch.Tensor]) -> None:
    builder = MMapIndexedDatasetBuilder(f"{prefix}.bin", dtype=np.int32)
    for row in rows:
        builder.add_item(row)
    builder.finalize(f"{prefix}.idx")


def write_pair_data(
    folder: Path,
    rows: Optional[Dict[str, int]] = None,
    languages: Sequence[str] = ("en", "de", "sw"),
    seed: int = 0,
    longest: int = 9,
    task: str = "xnli",
    without: Sequence[str] = (),
) -> Path:
    """Write data whose label can be learned: it is set by the first word of each part.

    Args:
        rows: rows of each split in each language.
        without: streams, as ``"split.lang.stream"``, to leave out; a row in seven
            of the others has an empty counterpart.
    """
    rows = rows or {"train": 24, "valid": 12, "test": 12}
    folder.mkdir(parents=True)
    dictionary = tiny_dictionary()
    dictionary.save(str(folder / "dict.txt"))
    labels = Dictionary()
    for label in LABELS:
        labels.add_symbol(label)
    labels.save(str(folder / "label.dict.txt"))
    (folder / "sentencepiece.bpe.model").write_bytes(b"not used")
    generator = np.random.default_rng(seed)

    def sentence(label: int, shift: int) -> torch.Tensor:
        lengths = generator.integers(1, longest, size=2)
        first = generator.integers(0, SYMBOLS // 2, lengths[0]) + 4 + shift
        second = generator.integers(0, SYMBOLS // 2, lengths[1]) + 4 + shift
        first[0], second[0] = 4 + shift, 4 + shift + label
        return pair_tokens(first.tolist(), second.tolist())

    splits: Dict[str, Dict[str, SplitEntry]] = {}
    for split, count in rows.items():
        splits[split] = {}
        for lang in languages:
            classes = generator.integers(0, len(LABELS), count)
            foreign = 0 if lang == "en" else SYMBOLS // 2
            streams = {
                "input": [sentence(label, foreign) for label in classes],
                "label": [torch.tensor([4 + label]) for label in classes],
            }
            if lang != "en":
                streams["source"] = [sentence(label, 0) for label in classes]
                if split == "train":
                    streams["backtranslation"] = [sentence(c, 0) for c in classes]
                streams["source"][::7] = [torch.tensor([])] * len(range(0, count, 7))
            kept = [s for s in streams if f"{split}.{lang}.{s}" not in without]
            for stream in kept:
                prefix = stream_prefix(folder, split, lang, stream)
                write_stream(prefix, streams[stream])
            splits[split][lang] = SplitEntry(rows=count, streams=kept)
    Manifest(
        task=task,
        source_lang="en",
        languages=list(languages),
        labels=LABELS,
        splits=splits,
        dictionary_size=len(dictionary) + 1,
        dictionary_sha256="",
        tokenizer_sha256="",
        version=__version__,
    ).save(folder)
    return folder


def pair_task(data, task=XMixupXNLITask, **options):
    values = {
        "data": str(data),
        "seed": 3,
        "train_subset": "train",
        "max_update": 0,
        "max_epoch": 0,
        "update_freq": [1],
        **options,
    }
    return task.setup_task(OmegaConf.merge(OmegaConf.structured(PairsConfig), values))
