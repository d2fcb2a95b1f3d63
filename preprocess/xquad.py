"""Binarize XQuAD: preprocess/xquad.py RAW --tokenizer T --dict DICT --destdir DIR

RAW is XTREME's folder download, or one with train-en.json, dev-de.json and the like.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.preprocessing.questions import SQUAD_PLACES, main  # noqa: E402

# There is no dev set: MLQA's is used (X-Mixup appendix C.1).
PLACES = {
    **SQUAD_PLACES,
    "test": ["xquad/xquad.{lang}.json", "xquad/test-{lang}.json"],
    "translate-test": [
        "xquad/translate-test/xquad.translate.test.{lang}-{src}.json",
        "XQuAD/translate-test/xquad.translate.test.{lang}-{src}.json",
    ],
}

if __name__ == "__main__":
    main("xquad", PLACES)
