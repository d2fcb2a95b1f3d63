"""Binarize parallel text: parallel.py RAW --model MODEL --destdir DIR

``RAW`` holds ``train.{src}-{lang}.{src}.txt`` and ``train.{src}-{lang}.{lang}.txt``,
and the same for ``valid``; line n of one is the translation of line n of the other.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.preprocess import preprocess_parallel  # noqa: E402

if __name__ == "__main__":
    preprocess_parallel()
