"""Binarize XNLI: preprocess/xnli.py RAW --tokenizer T --dict DICT --destdir DIR"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.data.labels import LABELS, SPELLINGS  # noqa: E402
from fairseq_xling.preprocessing.pairs import main  # noqa: E402

if __name__ == "__main__":
    main("xnli", LABELS["xnli"], SPELLINGS["xnli"])
