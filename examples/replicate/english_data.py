"""Lay out real sets that are labelled in English, for translate.py to translate.

    python examples/replicate/english_data.py TASK DATA_DIR OUT_DIR

``DATA_DIR`` is as of real_data.py. Training sets are English and of short rows, dev
sets English and Spanish, test sets these and languages that nothing is translated to:

* xnli: MultiNLI's dev sets to train on; XNLI's test sets. Of languages without a test
  set, dev rows are the test that no model is selected on in any language;
* xnli-human: rows of XNLI's sets in these languages, with the English ones that people
  translated them from;
* udpos: English-EWT to train on; the PUD treebanks as Spanish dev set and as test;
* panx: WikiANN, its dev sets shared out between dev and test;
* xner-es, xner-sw, for MultiMix: WikiANN's English to train on; WikiANN's Spanish or
  MasakhaNER's Swahili (news, dates as no entities) as text, dev and test sets;
* xquad: TyDiQA's English questions to train on, and to select on in English; XQuAD's
  articles, one in six as Spanish dev set, one in three as test.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any, List, Sequence

from real_data import (
    TRAINING_PAIRS,
    read,
    read_sentences,
    write,
    write_articles,
    write_sentences,
)

UNSEEN = {
    "xnli": ["de", "sw", "zh", "hi", "ar", "tr"],
    "udpos": ["de", "ar", "zh"],
    "panx": ["de", "ar", "hi", "zh", "sw"],
    "xquad": ["de", "ar", "zh"],
}
TARGET = "es"
# Of MultiMix's English sentences, and of its text.
XNER_ROWS = 1000
# Training rows: how many, and of how many words and characters at most.
TRAINING_ROWS, WORDS, PASSAGE = 16000, 28, 500
# Dev rows, and test rows in Spanish and in another language.
DEV, TEST, OTHER_TEST = 500, 2000, 800
HUMAN_ROWS = 400


def test_rows(lang: str) -> int:
    """How many there are at most."""
    return TEST if lang == TARGET else OTHER_TEST


def lay_out_xnli(data: Path, out: Path) -> None:
    """MultiNLI, and XNLI."""
    (path,) = (data / "nli/mnli_dev_en").glob("*.tsv")
    rows = [row for row in read(path) if len(" ".join(row[:2]).split()) <= WORDS]
    write(out / "train-en.tsv", rows[:TRAINING_ROWS])
    for lang in ("en", TARGET):
        dev, test = (read(data / f"nli/xnli/{x}-{lang}.tsv") for x in ("dev", "test"))
        # Those that real_text.py leaves out.
        write(out / f"dev-{lang}.tsv", dev[TRAINING_PAIRS["xnli"] :])
        write(out / f"test-{lang}.tsv", test[: test_rows(lang)])
    for lang in UNSEEN["xnli"]:
        rows = read(data / f"nli/xnli/dev-{lang}.tsv")
        write(out / f"test-{lang}.tsv", rows[:OTHER_TEST])


def lay_out_human(data: Path, out: Path) -> None:
    """XNLI as it was translated, of which no model here is trained."""
    parts = {lang: "dev" for lang in UNSEEN["xnli"]}
    for lang, part in {**parts, TARGET: "test"}.items():
        english, rows = (
            read(data / f"nli/xnli/{part}-{x}.tsv")[:HUMAN_ROWS] for x in ("en", lang)
        )
        write(out / f"test-{lang}.tsv", rows)
        write(out / f"translate-test/test-{lang}-en-translated.tsv", english)
    for name in ("test", "train"):  # preprocessing asks for the latter
        write(out / f"{name}-en.tsv", english)


def short(sentences: List[List[str]]) -> List[List[str]]:
    """The first training sentences that are not long."""
    return [one for one in sentences if len(one) <= WORDS][:TRAINING_ROWS]


def lay_out_udpos(data: Path, out: Path) -> None:
    """English-EWT, and the PUD treebanks."""
    ewt = data / "pos/ewt"
    write_sentences(out / "train-en.tsv", short(read_sentences(ewt / "train-en.tsv")))
    write_sentences(out / "dev-en.tsv", read_sentences(ewt / "dev-en.tsv")[:DEV])
    for lang in ("en", TARGET, *UNSEEN["udpos"]):
        rows = read_sentences(data / f"pos/pud/test-{lang}.tsv")
        write_sentences(out / f"test-{lang}.tsv", rows[300:])
        if lang == TARGET:
            write_sentences(out / f"dev-{lang}.tsv", rows[:300])


def lay_out_panx(data: Path, out: Path) -> None:
    """WikiANN."""
    folder = data / "ner/panx"
    rows = short(read_sentences(folder / "train-en.tsv"))
    write_sentences(out / "train-en.tsv", rows[: TRAINING_ROWS // 2])
    for lang in ("en", TARGET, *UNSEEN["panx"]):
        rows = read_sentences(folder / f"dev-{lang}.tsv")
        if lang in ("en", TARGET):
            write_sentences(out / f"dev-{lang}.tsv", rows[:DEV])
        test = rows[DEV : DEV + test_rows(lang)]
        write_sentences(out / f"test-{lang}.tsv", test)


def without_dates(sentences: List[List[str]]) -> List[List[str]]:
    """Sentences of CoNLL's columns as WikiANN's, which have no dates."""
    rows = [[line.split(" ") for line in one] for one in sentences]
    return [
        [f"{word}\t{'O' if tag.endswith('DATE') else tag}" for word, tag in one]
        for one in rows
    ]


def lay_out_xner(data: Path, out: Path, lang: str) -> None:
    """WikiANN in English; in another language that, or MasakhaNER."""
    folder = data / "ner/panx"
    rows = short(read_sentences(folder / "train-en.tsv"))
    write_sentences(out / "train-en.tsv", rows[:XNER_ROWS])
    dev = read_sentences(folder / "dev-en.tsv")[:DEV]
    write_sentences(out / "dev-en.tsv", dev)
    if lang == TARGET:
        train = read_sentences(folder / f"train-{lang}.tsv")
        rows = read_sentences(folder / f"dev-{lang}.tsv")
        dev, test = rows[:DEV], rows[DEV:]
    else:
        train, dev, test = (
            without_dates(read_sentences(data / f"ner/masakhaner_swa/{split}.txt"))
            for split in ("train", "dev", "test")
        )
    write_sentences(out / f"train-{lang}.tsv", train[:XNER_ROWS])
    write_sentences(out / f"dev-{lang}.tsv", dev[:DEV])
    write_sentences(out / f"test-{lang}.tsv", test[:OTHER_TEST])


def short_passages(articles: Sequence[Any]) -> List[Any]:
    """Articles with only those of their paragraphs that are not long."""
    found = []
    for one in articles:
        kept = [x for x in one["paragraphs"] if len(x["context"]) <= PASSAGE]
        if kept:
            found.append({**one, "paragraphs": kept})
    return found


def lay_out_xquad(data: Path, out: Path) -> None:
    """TyDiQA's English questions, and XQuAD."""

    def articles(path: str) -> List[Any]:
        return json.loads((data / path).read_text(encoding="utf-8"))["data"]

    train = short_passages(articles("qa/tydiqa_goldp/english_tydiqa_train.json"))
    dev = short_passages(articles("qa/tydiqa_goldp/english_tydiqa_dev.json"))
    write_articles(out / "squad/train-v1.1.json", train)
    for lang in ("en", TARGET, *UNSEEN["xquad"]):
        held = articles(f"qa/xquad/xquad.{lang}.json")
        if lang in ("en", TARGET):
            own = dev if lang == "en" else held[::6]
            name = f"dev/dev-context-{lang}-question-{lang}.json"
            write_articles(out / "mlqa/MLQA_V1" / name, own)
        test = [one for i, one in enumerate(held) if i % 6 in (1, 3)]
        write_articles(out / f"xquad/xquad.{lang}.json", test)


LAY_OUT = {
    "xnli": lay_out_xnli,
    "xnli-human": lay_out_human,
    "udpos": lay_out_udpos,
    "panx": lay_out_panx,
    "xquad": lay_out_xquad,
    "xner-es": partial(lay_out_xner, lang="es"),
    "xner-sw": partial(lay_out_xner, lang="sw"),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=LAY_OUT)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    LAY_OUT[options.task](options.data, options.out)
