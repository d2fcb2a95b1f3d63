"""Translate a raw folder: preprocess/translate.py RAW --to es,de --engine ENGINE

RAW is the folder that preprocess/xnli.py, or that of another task (--task), reads.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.translate import translate  # noqa: E402

if __name__ == "__main__":
    translate()
