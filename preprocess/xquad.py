"""Binarize XQuAD: preprocess/xquad.py RAW --model MODEL --destdir DIR

RAW is XTREME's folder download, or one with train-en.json, dev-de.json and the like.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.preprocess import preprocess  # noqa: E402

if __name__ == "__main__":
    preprocess("xquad")
