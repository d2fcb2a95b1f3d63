"""Lay out real data sets as XTREME's raw folders, for trying things out.

    python examples/replicate/real_data.py TASK DATA_DIR OUT_DIR

``DATA_DIR`` holds parallel evaluation sets. Their human translations stand in for
machine translations:

* xnli, pawsx: dev rows become training pairs;
* udpos: English-EWT with sentences 1 to 700 of the PUD treebanks is the training set,
  these sentences are its translations, and 701 to 1000 the test; their gold tags serve
  the upper bound alone;
* panx: of the dev sets, 1,000 sentences are for selection and 2,000 for the test;
  Spanish training sentences are text without labels; no translations;
* xquad: three articles in four become training pairs, one in sixteen is for selection;
* tydiqa: as it is, English for training; no translations.

The noise of a translator (dropped and swapped words) is put on the English side, always
for the back-translation, and for dev and test with ``--noisy-source``.
"""

import argparse
import json
import random
from pathlib import Path
from typing import List, Optional

TRAINING_PAIRS = {"xnli": 2000, "pawsx": 1600}
PANX_ROWS = {"train": 3000, "dev": 1000, "test": 2000}


def read(path: Path) -> List[List[str]]:
    """Rows of columns."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: List[List[str]]) -> None:
    """Write rows of columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join("\t".join(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def noised(row: List[str], rate: float, generator: random.Random) -> List[str]:
    """Drop words and swap neighbours, each at half the rate; keep the label."""
    out = []
    for sentence in row[:2]:
        words = sentence.split()
        kept = [w for w in words if generator.random() > rate / 2] or words[:1]
        for i in range(len(kept) - 1):
            if generator.random() < rate / 2:
                kept[i], kept[i + 1] = kept[i + 1], kept[i]
        out.append(" ".join(kept))
    return out + row[2:]


def read_sentences(path: Path) -> List[List[str]]:
    """Sentences, as a list of lines, a word each."""
    blocks = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    return [block.split("\n") for block in blocks]


def write_sentences(path: Path, sentences, ids=None, tagged: bool = True) -> None:
    """Write sentences a word a line, with ids and without tags if so asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for i, lines in enumerate(sentences):
            if ids is not None:
                file.write(f"# sent_id = {ids[i]}\n")
            for line in lines:
                file.write((line if tagged else line.split("\t")[0]) + "\n")
            file.write("\n")


def lay_out_udpos(data: Path, out: Path, rate: float, noisy_source: bool) -> None:
    """English-EWT, and the PUD treebanks as its translations."""
    generator = random.Random(1)
    pud = {
        path.stem[5:]: read_sentences(path)
        for path in sorted((data / "pos/pud").glob("test-*.tsv"))
    }
    ewt = read_sentences(data / "pos/ewt/train-en.tsv")
    ids = [f"ewt-{i}" for i in range(len(ewt))] + [f"pud-{i}" for i in range(700)]
    write_sentences(out / "train-en.tsv", ewt + pud["en"][:700], ids)
    write_sentences(out / "dev-en.tsv", read_sentences(data / "pos/ewt/dev-en.tsv"))

    def words(sentences, noisy):
        lines = [" ".join(line.split("\t")[0] for line in x) for x in sentences]
        rows = [noised([x, ""], rate, generator)[0] if noisy else x for x in lines]
        return [row.split() for row in rows]

    for lang, sentences in pud.items():
        write_sentences(out / f"test-{lang}.tsv", sentences[700:])
        if lang == "en":
            continue
        name = out / f"translate-train/en-{lang}-translated.tsv"
        write_sentences(name, sentences[:700], ids[-700:], tagged=False)
        write_sentences(out / f"train-{lang}.tsv", sentences[:700], ids[-700:])
        back = words(pud["en"][:700], True)
        name = out / f"translate-train-en/en-{lang}-en-translated.tsv"
        write_sentences(name, back, ids[-700:])
        name = out / f"translate-test/test-{lang}-en-translated.tsv"
        write_sentences(name, words(pud["en"][700:], noisy_source))


def lay_out_panx(data: Path, out: Path) -> None:
    """WikiANN, with Spanish text."""
    folder = data / "ner/panx"
    for lang in ("en", "es"):
        sentences = read_sentences(folder / f"train-{lang}.tsv")[: PANX_ROWS["train"]]
        write_sentences(out / f"train-{lang}.tsv", sentences)
    for lang in ("en", "es", "de", "ar", "zh"):
        sentences = read_sentences(folder / f"dev-{lang}.tsv")
        count = PANX_ROWS["dev"]
        write_sentences(out / f"dev-{lang}.tsv", sentences[:count])
        rows = sentences[count : count + PANX_ROWS["test"]]
        write_sentences(out / f"test-{lang}.tsv", rows)


def write_articles(path: Path, articles) -> None:
    """Write SQuAD's JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def lay_out_xquad(data: Path, out: Path) -> None:
    """XQuAD by article."""
    articles = {
        path.stem[6:]: json.loads(path.read_text(encoding="utf-8"))["data"]
        for path in sorted((data / "qa/xquad").glob("xquad.*.json"))
    }
    for lang, all_articles in articles.items():
        train = [a for i, a in enumerate(all_articles) if i % 16 < 12]
        dev = [a for i, a in enumerate(all_articles) if i % 16 == 12]
        test = [a for i, a in enumerate(all_articles) if i % 16 > 12]
        name = f"dev/dev-context-{lang}-question-{lang}.json"
        write_articles(out / "mlqa/MLQA_V1" / name, dev)
        write_articles(out / f"xquad/xquad.{lang}.json", test)
        if lang == "en":
            write_articles(out / "squad/train-v1.1.json", train)
            sources = {"dev": dev, "test": test}
        else:
            name = f"squad/translate-train/squad.translate.train.en-{lang}.json"
            write_articles(out / name, train)
    for lang in articles:
        if lang != "en":
            name = f"xquad/translate-test/xquad.translate.test.{lang}-en.json"
            write_articles(out / name, sources["test"])
            name = f"mlqa/translate-dev/mlqa.translate.dev.{lang}-en.json"
            write_articles(out / name, sources["dev"])


TYDIQA = {"en": "english", "fi": "finnish", "id": "indonesian", "sw": "swahili"}


def lay_out_tydiqa(data: Path, out: Path) -> None:
    """TyDiQA as it is."""
    for lang, name in TYDIQA.items():
        for split in ("train", "dev") if lang == "en" else ("dev",):
            path = data / f"qa/tydiqa_goldp/{name}_tydiqa_{split}.json"
            articles = json.loads(path.read_text(encoding="utf-8"))["data"]
            folder = out / f"tydiqa/tydiqa-goldp-v1.1-{split}"
            write_articles(folder / f"tydiqa.goldp.{lang}.{split}.json", articles)


def lay_out_pairs(
    task: str,
    data: Path,
    out: Path,
    rate: float,
    noisy_source: bool,
    test_rows: Optional[int],
) -> None:
    """XNLI or PAWS-X, with dev rows as training pairs."""
    generator = random.Random(1)
    folder = data / ("nli/xnli" if task == "xnli" else "pawsx")
    cut = TRAINING_PAIRS[task]
    dev = {path.stem[4:]: read(path) for path in sorted(folder.glob("dev-*.tsv"))}
    test = {
        path.stem[5:]: read(path)[:test_rows]
        for path in sorted(folder.glob("test-*.tsv"))
    }
    english = dev["en"]
    more = []
    for path in sorted((data / "nli" / "mnli_dev_en").glob("*.tsv")):
        more += read(path) if task == "xnli" else []
    write(out / "train-en.tsv", english[:cut] + more)
    for lang, rows in dev.items():
        write(out / f"dev-{lang}.tsv", rows[cut:])
        if lang == "en":
            continue
        # Labels differ a little between languages in PAWS-X; the source's count.
        train = [[e[0], e[1], r[0], r[1], e[2]] for e, r in zip(english, rows)]
        write(out / f"translate-train/en-{lang}-translated.tsv", train[:cut])
        back = [noised(row, rate, generator) for row in english[:cut]]
        write(out / f"translate-train-en/en-{lang}-en-translated.tsv", back)
    for split, sets, rows in (("dev", dev, english[cut:]), ("test", test, test["en"])):
        for lang in sets:
            if split == "test":
                write(out / f"test-{lang}.tsv", test[lang])
            if lang != "en":
                source = [noised(r, rate, generator) for r in rows]
                chosen = source if noisy_source else rows
                name = f"translate-{split}/{split}-{lang}-en-translated.tsv"
                write(out / name, chosen)


LAY_OUT = ("xnli", "pawsx", "udpos", "panx", "xquad", "tydiqa")


def lay_out(
    task: str,
    data: Path,
    out: Path,
    rate: float,
    noisy_source: bool,
    test_rows: Optional[int] = None,
) -> None:
    """Write the raw folder of a task.

    Args:
        task: one of LAY_OUT.
        data, out: what is read, and the folder to write.
        rate: of the translator's noise.
        noisy_source: whether it is put on the counterparts of dev and test, too.
        test_rows: how many pairs of a test set are taken (default: all).
    """
    if task in TRAINING_PAIRS:
        lay_out_pairs(task, data, out, rate, noisy_source, test_rows)
    elif task == "udpos":
        lay_out_udpos(data, out, rate, noisy_source)
    else:
        {"panx": lay_out_panx, "xquad": lay_out_xquad, "tydiqa": lay_out_tydiqa}[task](
            data, out
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=LAY_OUT)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--noisy-source", action="store_true")
    parser.add_argument("--test-rows", type=int, help="of sentence pairs")
    options = parser.parse_args()
    lay_out(
        options.task, options.data, options.out, options.noise, options.noisy_source,
        options.test_rows,
    )  # fmt: skip
