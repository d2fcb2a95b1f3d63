"""Binarize MLQA: preprocess/mlqa.py RAW --tokenizer T --dict DICT --destdir DIR

RAW is XTREME's folder download, or one with train-en.json, dev-de.json and the like.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.preprocessing.questions import SQUAD_PLACES, main  # noqa: E402

PLACES = {
    **SQUAD_PLACES,
    "test": [
        "mlqa/MLQA_V1/test/test-context-{lang}-question-{lang}.json",
        "mlqa/test-{lang}.json",
    ],
    "translate-test": [
        "mlqa/translate-test/mlqa.translate.test.{lang}-{src}.json",
        "MLQA/translate-test/mlqa.translate.test.{lang}-{src}.json",
    ],
}

if __name__ == "__main__":
    main("mlqa", PLACES)
