"""Rows of raw data in several scripts, and where XTREME has them."""

import random
from pathlib import Path
from typing import Dict

WORDS = {
    "en": "the dog cat runs sleeps big small house in under red green".split(),
    "de": "der Hund Katze läuft schläft groß klein Haus im unter rot grün".split(),
    "ru": "собака кошка бежит спит большой дом в под красный".split(),
    "zh": "狗 猫 跑 睡 大 小 房子 在 红色 绿色".split(),
}
LABELS = ["contradiction", "entailment", "neutral"]


def sentence(generator: random.Random, lang: str) -> str:
    joiner = "" if lang == "zh" else " "
    words = [generator.choice(WORDS[lang]) for _ in range(generator.randint(2, 7))]
    return joiner.join(words)


def write_rows(path: Path, rows, end="\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join("\t".join(row) + end for row in rows)
    path.write_bytes(text.encode("utf-8"))


def draw_rows(generator: random.Random, lang: str, labels) -> list:
    return [[sentence(generator, lang), sentence(generator, lang), x] for x in labels]


def row_file(split: str, lang: str, english: str = "") -> str:
    """Where XTREME has rows of pairs or of tagged sentences.

    Args:
        lang: of the training sets that are not English: the translated one.
        english: ``"en"`` for what is translated (back) to it.
    """
    if split == "train" and lang != "en":
        end = "-en" if english else ""
        return f"translate-train{end}/en-{lang}{end}-translated.tsv"
    if english:
        return f"translate-{split}/{split}-{lang}-en-translated.tsv"
    return f"{split}-{lang}.tsv"


def write_pairs(folder: Path, seed: int, sizes: Dict[str, int], langs) -> Path:
    """XNLI of so many rows in each split, in English and other languages."""
    generator = random.Random(seed)
    for split, count in sizes.items():
        labels = [generator.choice(LABELS) for _ in range(count)]
        english = draw_rows(generator, "en", labels)
        write_rows(folder / row_file(split, "en"), english)
        for lang in langs:
            rows = draw_rows(generator, lang, labels)
            if split == "train":
                rows = [one[:2] + other for one, other in zip(english, rows)]
            write_rows(folder / row_file(split, lang), rows)
            back = draw_rows(generator, "en", labels)
            write_rows(folder / row_file(split, lang, "en"), back)
    return folder


def files(folder: Path) -> dict:
    """The contents of all files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
