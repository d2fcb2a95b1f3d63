"""Binarize PAN-X: preprocess/panx.py RAW --tokenizer T --dict DICT --destdir DIR

RAW is XTREME's folder panx, WikiANN's folders by language, or CoNLL files.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.data.labels import LABELS  # noqa: E402
from fairseq_xling.preprocessing.tagging import main  # noqa: E402

TAGS = LABELS["panx"]


def places(split: str, lang: str) -> list:
    """XTREME's file, X-Mixup's, WikiANN's, or a CoNLL file in the language's folder."""
    return [
        f"{split}-{lang}.tsv",
        f"{lang}/{split}.tsv",
        f"{split}-{lang}.txt",
        f"{lang}-{split}",
        f"{lang}/{split}",
        f"{lang}/{split}.txt",
        f"{lang}.{split}",
    ]


PLACES = {
    "train": places("train", "{src}"),
    "supervised": places("train", "{lang}"),
    "dev": places("dev", "{lang}"),
    "test": places("test", "{lang}"),
}

if __name__ == "__main__":
    main("panx", TAGS, PLACES, chunked=True)
