"""Binarize XNLI: preprocess/xnli.py RAW --model MODEL --destdir DIR"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.preprocess import preprocess  # noqa: E402

if __name__ == "__main__":
    preprocess("xnli")
