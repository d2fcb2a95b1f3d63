"""Small parallel text for tests."""

import random
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from fairseq.data import Dictionary
from raw_data import sentence

from fairseq_xling.cli.preprocess import preprocess_parallel


def draw_parallel(lang: str, count: int, seed: int = 0) -> Dict[str, List[str]]:
    """Sentences of both sides; no translations, but as many."""
    generator = random.Random(f"{lang}{count}{seed}")
    return {
        side: [sentence(generator, side) for _ in range(count)] for side in ("en", lang)
    }


def write_parallel(folder: Path, split: str, lang: str, sides) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for side, lines in sides.items():
        text = "".join(f"{line}\n" for line in lines)
        path = folder / f"{split}.en-{lang}.{side}.txt"
        path.write_text(text, encoding="utf-8")


def raw_parallel(folder: Path, langs: Sequence[str] = ("de", "zh")) -> Path:
    for number, lang in enumerate(langs):
        for split, count in (("train", 40 + 9 * number), ("valid", 10)):
            write_parallel(folder, split, lang, draw_parallel(lang, count))
    return folder


def preprocess(raw: Path, spm, destdir: Path, *options: str) -> Path:
    arguments = [str(raw), "--tokenizer", spm.model, "--dict", spm.dictionary]
    preprocess_parallel(
        [*arguments, "--destdir", str(destdir), "--workers", "1", *options]
    )
    return destdir


class Sequences(list):
    """Sequences with their sizes, as fairseq's datasets have them."""

    @property
    def sizes(self):
        return np.array([len(one) for one in self], int)


def words_dictionary(count: int = 60) -> Dictionary:
    """A dictionary with ``<mask>``."""
    dictionary = Dictionary()
    for index in range(count):
        dictionary.add_symbol(f"w{index}")
    dictionary.add_symbol("<mask>")
    return dictionary
