"""Text of real data sets to pre-train a mini XLM-R on, as pretrain_mini.sh reads it.

    python examples/replicate/real_text.py DATA_DIR OUT_DIR [--languages LANG [...]]

``OUT_DIR`` gets ``{lang}.txt`` and translations ``train.en-{lang}.{en,lang}.txt``.
Taken are training sets and the part of the dev sets that real_data.py trains on;
nothing that it selects or tests on.
"""

import argparse
import json
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Tuple

from real_data import TRAINING_PAIRS, read, read_sentences

# Of each language, what Tatoeba and NTREX call it.
LANGUAGES: Dict[str, Tuple[str, str]] = {
    "en": ("eng", "eng"),
    "es": ("spa", "spa"),
    "de": ("deu", "deu"),
    "fr": ("fra", "fra"),
    "ru": ("rus", "rus"),
    "ar": ("ara", "arb"),
    "zh": ("cmn", "zho-CN"),
    "sw": ("swh", "swa"),
}


def pairs(path: Path, count: int) -> Iterator[str]:
    """Both sentences of the first pairs of a file, if it is there."""
    for row in read(path)[:count] if path.exists() else ():
        yield from row[:2]


def words(path: Path) -> Iterator[str]:
    """The sentences of a file of tagged words, if it is there."""
    for lines in read_sentences(path) if path.exists() else ():
        yield " ".join(line.replace(" ", "\t").split("\t")[0] for line in lines)


def passages(path: Path) -> Iterator[str]:
    """The passages of a SQuAD file."""
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            yield from paragraph["context"].split("\n")


def monolingual(data: Path, lang: str) -> Iterator[str]:
    """Text of a language."""
    yield from pairs(data / f"nli/xnli/dev-{lang}.tsv", TRAINING_PAIRS["xnli"])
    yield from pairs(data / f"pawsx/dev-{lang}.tsv", TRAINING_PAIRS["pawsx"])
    yield from pairs(data / f"nli/esxnli/esxnli.{lang}.tsv", 10**6)
    yield from words(data / f"ner/panx/train-{lang}.tsv")
    if lang == "en":
        yield from pairs(data / "nli/mnli_dev_en/mnli.dev.en.tsv", 10**6)
        yield from words(data / "pos/ewt/train-en.tsv")
        yield from passages(data / "qa/tydiqa_goldp/english_tydiqa_train.json")
    if lang == "sw":
        yield from words(data / "ner/masakhaner_swa/train.txt")


def translations(data: Path, lang: str) -> Iterator[Tuple[str, str]]:
    """English sentences and their translations."""
    tatoeba, ntrex = LANGUAGES[lang]
    stems = [f"parallel/tatoeba/tatoeba.{tatoeba}-eng.{x}" for x in ("eng", tatoeba)]
    found = [stems]
    reference = f"parallel/ntrex/newstest2019-ref.{ntrex}.txt"
    found.append(["parallel/ntrex/newstest2019-src.eng.txt", reference])
    if lang == "sw":
        found.append([f"parallel/lafand_en_swa/train.{x}" for x in ("en", "swa")])
    for names in found:
        texts = [(data / x).read_text(encoding="utf-8").split("\n") for x in names]
        for source, target in zip(*texts):
            if source.strip() and target.strip():
                yield source, target


def save(path: Path, lines: List[str]) -> None:
    """Write lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{path.name}: {len(lines)} lines")


def write_text(data: Path, out: Path, languages: Iterable[str] = LANGUAGES) -> None:
    """Write the text of languages, and their translations."""
    out.mkdir(parents=True, exist_ok=True)
    for lang in languages:
        # Each sentence once: premises and headlines repeat.
        lines = [" ".join(line.split()) for line in monolingual(data, lang)]
        save(out / f"{lang}.txt", list(dict.fromkeys(filter(None, lines))))
        if lang != "en":
            columns = zip(*translations(data, lang))
            for name, column in zip(("en", lang), columns):
                save(out / f"train.en-{lang}.{name}.txt", list(column))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES),
        help="(default: all)",
    )  # fmt: skip
    options = parser.parse_args()
    write_text(options.data, options.out, options.languages)
