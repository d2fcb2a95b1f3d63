"""Rows of raw data in several scripts, for tests of preprocessing."""

import random
from pathlib import Path

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


def files(folder: Path) -> dict:
    """The contents of all files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
