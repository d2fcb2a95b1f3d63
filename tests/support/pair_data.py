"""Small binarized sentence-pair data."""

from pathlib import Path
from typing import Dict, Optional, Sequence

import numpy as np
import torch
from small_data import SYMBOLS, Rows, empty, setup_task, write_data

from fairseq_xling.families.pairs.task import PairsConfig
from fairseq_xling.tasks import XMixupXNLITask

LABELS = ["contradiction", "entailment", "neutral"]


def pair_tokens(first: Sequence[int], second: Sequence[int]) -> torch.Tensor:
    return torch.tensor([0, *first, 2, 2, *second, 2])


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
    generator = np.random.default_rng(seed)

    def sentence(label: int, shift: int) -> torch.Tensor:
        lengths = generator.integers(1, longest, size=2)
        first = generator.integers(0, SYMBOLS // 2, lengths[0]) + 4 + shift
        second = generator.integers(0, SYMBOLS // 2, lengths[1]) + 4 + shift
        first[0], second[0] = 4 + shift, 4 + shift + label
        return pair_tokens(first.tolist(), second.tolist())

    def draw(split: str, lang: str, count: int) -> Dict[str, Rows]:
        classes = generator.integers(0, len(LABELS), count)
        foreign = 0 if lang == "en" else SYMBOLS // 2
        streams = {
            "input": [sentence(label, foreign) for label in classes],
            "label": [torch.tensor([4 + label]) for label in classes],
        }
        if lang != "en":
            streams["source"] = empty([sentence(label, 0) for label in classes], 7)
            if split == "train":
                streams["backtranslation"] = [sentence(c, 0) for c in classes]
        return streams

    rows = rows or {"train": 24, "valid": 12, "test": 12}
    return write_data(folder, task, LABELS, rows, languages, without, draw)


def pair_task(data, task=XMixupXNLITask, **options):
    return setup_task(task, PairsConfig, data, **options)
