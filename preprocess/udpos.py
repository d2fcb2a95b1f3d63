"""Binarize UD POS: preprocess/udpos.py RAW --tokenizer T --dict DICT --destdir DIR

RAW is XTREME's folder udpos, or one with Universal Dependencies' treebanks.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.data.labels import LABELS  # noqa: E402
from fairseq_xling.preprocessing.tagging import main  # noqa: E402

TAGS = LABELS["udpos"]


def places(split: str, lang: str) -> list:
    """XTREME's file, X-Mixup's, one CoNLL-U file, or all treebanks of a language."""
    return [
        f"{split}-{lang}.tsv",
        f"{lang}/{split}.tsv",
        f"{split}-{lang}.conllu",
        f"{lang}_*-ud-{split}.conllu",
        f"*/{lang}_*-ud-{split}.conllu",
    ]


PLACES = {
    "train": places("train", "{src}"),
    "supervised": places("train", "{lang}"),
    "dev": places("dev", "{lang}"),
    "test": places("test", "{lang}"),
}

if __name__ == "__main__":
    main("udpos", TAGS, PLACES, chunked=False)
