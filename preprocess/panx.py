"""Binarize PAN-X: preprocess/panx.py RAW --model MODEL --destdir DIR

RAW is XTREME's folder panx, WikiANN's folders by language, or CoNLL files.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.preprocess import preprocess  # noqa: E402

if __name__ == "__main__":
    preprocess("panx")
