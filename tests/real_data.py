"""Lay out real aligned sentence pairs as XTREME's raw folders, for trying things out.

    python tests/real_data.py xnli DATA_DIR OUT_DIR
    python tests/real_data.py pawsx DATA_DIR OUT_DIR

``DATA_DIR`` holds XNLI's and PAWS-X's aligned dev and test files. Their human
translations stand in for machine translations: dev rows become training pairs, and the
noise of a translator (dropped and swapped words) is put on the English side, always for
the back-translation, and for dev and test with ``--noisy-source``.
"""

import argparse
import random
from pathlib import Path
from typing import List

TRAINING_PAIRS = {"xnli": 2000, "pawsx": 1600}


def read(path: Path) -> List[List[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: List[List[str]]) -> None:
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


def lay_out(task: str, data: Path, out: Path, rate: float, noisy_source: bool) -> None:
    generator = random.Random(1)
    folder = data / ("nli/xnli" if task == "xnli" else "pawsx")
    cut = TRAINING_PAIRS[task]
    dev = {path.stem[4:]: read(path) for path in sorted(folder.glob("dev-*.tsv"))}
    test = {path.stem[5:]: read(path) for path in sorted(folder.glob("test-*.tsv"))}
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=sorted(TRAINING_PAIRS))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--noisy-source", action="store_true")
    options = parser.parse_args()
    lay_out(
        options.task, options.data, options.out, options.noise, options.noisy_source
    )
