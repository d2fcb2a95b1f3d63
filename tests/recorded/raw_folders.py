"""Small raw folders of every benchmark, for :mod:`record`."""

import json
import random
from pathlib import Path
from typing import Any, Dict, Iterable, List

WORDS = {
    "en": "the dog cat runs sleeps big small house in under red green".split(),
    "de": "der Hund Katze läuft schläft groß klein Haus im unter rot grün".split(),
    "ru": "собака кошка бежит спит большой дом в под красный мир да нет".split(),
    "zh": "狗 猫 跑 睡 大 小 房子 在 红色 绿色 山 水".split(),
}
TARGETS = ("de", "zh")
SPLITS = {"train": 24, "dev": 7, "test": 9}
CLASSES = {"xnli": ["contradiction", "entailment", "neutral"], "pawsx": ["0", "1"]}
TAGS = {
    "udpos": ["DET", "NOUN", "VERB", "ADJ", "X"],
    "panx": ["O", "B-PER", "O", "B-LOC", "O", "B-ORG"],
}
# XTREME's folder of downloads.
QUESTIONS = {
    "train": "squad/train-v1.1.json",
    "translate-train": "squad/translate-train/squad.translate.train.en-{}.json",
    "back": "squad/translate-train-en/squad.translate.train.en-{}-en.json",
    "supervised": "squad/train-{}.json",
    "dev": "mlqa/MLQA_V1/dev/dev-context-{0}-question-{0}.json",
    "translate-dev": "mlqa/translate-dev/mlqa.translate.dev.{}-en.json",
    "test": (
        "xquad/xquad.{}.json",
        "mlqa/MLQA_V1/test/test-context-{0}-question-{0}.json",
    ),
    "translate-test": (
        "xquad/translate-test/xquad.translate.test.{}-en.json",
        "mlqa/translate-test/mlqa.translate.test.{}-en.json",
    ),
}
TYDIQA = "tydiqa/tydiqa-goldp-v1.1-"


class Writer:
    """Draws the same rows every time."""

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self.generator = random.Random(1)

    def save(self, name: str, lines: Iterable[str]) -> None:
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def words(self, lang: str, least: int = 2, most: int = 7) -> List[str]:
        count = self.generator.randint(least, most)
        return self.generator.choices(WORDS[lang], k=count)

    def text(self, lang: str, least: int = 2, most: int = 7) -> str:
        return joiner(lang).join(self.words(lang, least, most))

    def texts(self) -> None:
        """Running text, and parallel text."""
        for split, count in (("train", 150), ("valid", 10)):
            for lang in WORDS:
                lines = [self.text(lang) for _ in range(count)]
                self.save(f"text/{split}.{lang}.txt", lines)
            for lang in TARGETS:
                for side in ("en", lang):
                    lines = [self.text(side) for _ in range(count // 4)]
                    self.save(f"parallel/{split}.en-{lang}.{side}.txt", lines)

    def pairs(self, task: str) -> None:
        def rows(lang: str) -> List[List[str]]:
            return [[self.text(lang), self.text(lang), label] for label in labels]

        def save(name: str, columns: List[List[str]]) -> None:
            self.save(f"{task}/{name}.tsv", ["\t".join(row) for row in columns])

        for split, count in SPLITS.items():
            labels = self.generator.choices(CLASSES[task], k=count)
            english = rows("en")
            save(f"{split}-en", english)
            for lang in TARGETS:
                save(f"{split}-{lang}", rows(lang))
                if split == "train":
                    both = [one[:2] + other for one, other in zip(english, rows(lang))]
                    save(f"translate-train/en-{lang}-translated", both)
                    save(f"translate-train-en/en-{lang}-en-translated", rows("en"))
                else:
                    name = f"translate-{split}/{split}-{lang}-en-translated"
                    save(name, rows("en"))

    def tagged(self, task: str) -> None:
        def rows(lang: str, count: int, tagged: bool = True) -> List[str]:
            lines = []
            for row in range(count):
                # One sentence is longer than the model reads.
                size = (30, 50) if row == count - 1 and count < 10 else (1, 6)
                for word in self.words(lang, *size):
                    tag = TAGS[task][WORDS[lang].index(word) % len(TAGS[task])]
                    lines.append(f"{word}\t{tag}" if tagged else word)
                lines.append("")
            return lines

        for split, count in SPLITS.items():
            self.save(f"{task}/{split}-en.tsv", rows("en", count))
            for lang in TARGETS:
                own = rows(lang, count)
                self.save(f"{task}/{split}-{lang}.tsv", own)
                if split == "train":
                    words = [line.split("\t")[0] for line in own]
                    name = f"{task}/translate-train/en-{lang}-translated.tsv"
                    self.save(name, words)
                    name = f"{task}/translate-train-en/en-{lang}-en-translated.tsv"
                    self.save(name, rows("en", count, tagged=False))
                else:
                    # One sentence has no translation.
                    lines = [self.text("en") for _ in range(count - 1)]
                    name = f"translate-{split}/{split}-{lang}-en-translated.txt"
                    self.save(f"{task}/{name}", ["", *lines])

    def asked(self, lang: str, count: int, prefix: str) -> List[Dict[str, Any]]:
        """Paragraphs with a question each, whose answer has two readings."""
        paragraphs = []
        for row in range(count):
            words = self.words(lang, 5, 16)
            first = self.generator.randrange(len(words) - 1)
            last = self.generator.randrange(first, len(words) - 1)
            join = joiner(lang).join
            start = len(join([*words[:first], ""]))
            texts = [join(words[first : end + 1]) for end in (last, last + 1)]
            asked = {
                "id": f"{prefix}-{row}",
                "question": self.text(lang, 4, 4),
                "answers": [{"text": text, "answer_start": start} for text in texts],
            }
            paragraphs.append({"context": join(words), "qas": [asked]})
        return paragraphs

    def save_asked(self, name: str, paragraphs: List[Dict[str, Any]]) -> None:
        data = {"data": [{"title": "t", "paragraphs": paragraphs}]}
        self.save(f"download/{name}", [json.dumps(data)])

    def questions(self) -> None:
        """SQuAD, XQuAD, MLQA and TyDiQA."""
        for split, count in SPLITS.items():
            for lang in ("en", *TARGETS):
                kind = "supervised" if split == "train" and lang != "en" else split
                drawn = self.asked(lang, count, split)
                for name in as_tuple(QUESTIONS[kind]):
                    self.save_asked(name.format(lang), drawn)
                if lang != "en":
                    if split == "train":
                        name = QUESTIONS["translate-train"].format(lang)
                        self.save_asked(name, self.asked(lang, count, split))
                    back = self.asked("en", count, split)[1:]  # one has no translation
                    kind = "back" if split == "train" else f"translate-{split}"
                    for name in as_tuple(QUESTIONS[kind]):
                        self.save_asked(name.format(lang), back)
        everything = []
        for lang, name in (("en", "english"), ("ru", "russian")):
            everything += self.asked(lang, 20, name)
            name = f"{TYDIQA}dev/tydiqa.goldp.{lang}.dev.json"
            self.save_asked(name, self.asked(lang, 6, f"{name}-dev"))
        self.save_asked(f"{TYDIQA}train/tydiqa-goldp-v1.1-train.json", everything)
        name = "tydiqa/translate-train/tydiqa.translate.train.en-ru.json"
        self.save_asked(name, self.asked("ru", 20, "english"))

    def inputs(self) -> None:
        """What is predicted, every other line with its source, and as plain text."""
        for family, names in (
            ("pairs", ("premise", "hypothesis")),
            ("tagging", ("text",)),
            ("questions", ("question", "context")),
        ):
            rows, lines = [], []
            for i in range(8):
                lang, size = ("de", "zh", "en")[i % 3], (3, 20 if i == 5 else 9)
                row: Dict[str, Any] = {x: self.text(lang, *size) for x in names}
                lines.append("\t".join(row[x] for x in names))
                if i % 2:
                    row["source"] = {x: self.text("en", *size) for x in names}
                rows.append(json.dumps({"number": i, **row}))
            self.save(f"inputs/{family}.jsonl", rows)
            self.save(f"inputs/{family}.txt", lines)


def joiner(lang: str) -> str:
    return "" if lang == "zh" else " "


def as_tuple(names: Any) -> Iterable[str]:
    return (names,) if isinstance(names, str) else names


def write_raw(raw: Path) -> None:
    """Write all of them into a folder."""
    writer = Writer(raw)
    writer.texts()
    for task in CLASSES:
        writer.pairs(task)
    for task in TAGS:
        writer.tagged(task)
    writer.questions()
    writer.inputs()
