"""Binarize TyDiQA: preprocess/tydiqa.py RAW --tokenizer T --dict DICT --destdir DIR

RAW is XTREME's folder download, or one with train-en.json, dev-de.json and the like.

The published dev sets are the test; selection needs dev files of your own or
``--held-out 0.1``, which takes the last tenth of the training questions.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.preprocessing.questions import main  # noqa: E402

LANGUAGES = {
    "arabic": "ar",
    "bengali": "bn",
    "english": "en",
    "finnish": "fi",
    "indonesian": "id",
    "korean": "ko",
    "russian": "ru",
    "swahili": "sw",
    "telugu": "te",
}
# XTREME's script cuts the ids of the files that it makes by language, so that they
# repeat; the file that it makes them from, which holds all languages, comes first.
ALL = "tydiqa/tydiqa-goldp-v1.1-train/tydiqa-goldp-v1.1-train.json"
PLACES = {
    "train": [ALL, "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{src}.train.json"],
    "supervised": [
        ALL,
        "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{lang}.train.json",
    ],
    "translate-train": [
        "tydiqa/translate-train/tydiqa.translate.train.{src}-{lang}.json",
        "TyDiQA-GoldP/translate-train/tydiqa.translate.train.{src}-{lang}.json",
    ],
    "back-translation": [
        "tydiqa/translate-train-{src}/tydiqa.translate.train.{src}-{lang}-{src}.json"
    ],
    "test": ["tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{lang}.dev.json"],
    "translate-test": [
        "tydiqa/translate-test/tydiqa.translate.test.{lang}-{src}.json",
        "TyDiQA-GoldP/translate-test/tydiqa.translate.test.{lang}-{src}.json",
    ],
}


def lang_of(question_id: str):
    """The language of a question: its id begins with the language's name."""
    return LANGUAGES.get(question_id.split("-")[0])


if __name__ == "__main__":
    main("tydiqa", PLACES, lang_of)
