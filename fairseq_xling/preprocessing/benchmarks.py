"""The seven benchmarks: where their raw files are looked for, and how they are read."""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Type

from fairseq_xling.data.labels import LABELS, SPELLINGS
from fairseq_xling.families.files import RawFiles
from fairseq_xling.families.pairs.files import PairFiles
from fairseq_xling.families.questions.files import QuestionFiles
from fairseq_xling.families.tagging.files import TagFiles
from fairseq_xling.preprocessing.raw_layout import Places


class Benchmark(NamedTuple):
    """A benchmark.

    Attributes:
        files: how its files are read.
        places: where they are looked for.
        labels: in the order of their ids.
        settings: further arguments of ``files``.
    """

    files: Type[RawFiles]
    places: Places
    labels: Sequence[str] = ()
    settings: Mapping[str, Any] = {}

    def open(self, **options: Any) -> RawFiles:
        """What reads its files, with options as ``files.options`` has them."""
        return self.files(self.labels, **self.settings, **options)  # type: ignore[call-arg]


def with_own(places: Places, own: Places) -> Dict[str, List[str]]:
    """Places before those of a user's own files."""
    return {kind: [*places.get(kind, ()), *more] for kind, more in own.items()}


# XTREME's places (which are also those for a user's own translations), then those of
# the X-Mixup authors' folders for XNLI and for PAWS-X.
PAIRS: Dict[str, List[str]] = {
    "train": [
        "train-{src}.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{src}.tsv",
        "{src}/train.tsv",
    ],
    "translate-train": [
        "translate-train/{src}-{lang}-translated.tsv",
        "translated/{src}-{lang}-translated.tsv",
        "XNLI-Translated/{src}-{lang}-translated.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{lang}.tsv",
        "{lang}/train.tsv",
        "{lang}/translated_train.tsv",
    ],
    "back-translation": [
        "translate-train-{src}/{src}-{lang}-{src}-translated.tsv",
        "translate-train-{src}/multinli.train.{lang}-{src}.tsv",
        "translate-train-{src}/translated_train.{lang}-{src}.tsv",
    ],
    "supervised": ["train-{lang}.tsv"],
    "dev": ["dev-{lang}.tsv", "XNLI-1.0/xnli.dev.tsv", "{lang}/dev_2k.tsv"],
    "test": ["test-{lang}.tsv", "XNLI-1.0/xnli.test.tsv", "{lang}/test_2k.tsv"],
    "translate-dev": [
        "translate-dev/dev-{lang}-{src}-translated.tsv",
        "translate-dev/xnli.dev.tsv",
        "translate-dev/dev_2k.{lang}.tsv",
    ],
    "translate-test": [
        "translate-test/test-{lang}-{src}-translated.tsv",
        "translated/test-{lang}-{src}-translated.tsv",
        "XNLI-Translated/test-{lang}-{src}-translated.tsv",
        "translate-test/test.{lang}.tsv",
    ],
}


def tagged(own: Sequence[str]) -> Dict[str, List[str]]:
    """Places of tagged sentences: XTREME's and X-Mixup's files, a benchmark's own.

    Args:
        own: places with ``{split}`` and ``{lang}``, which come after theirs.
    """

    def of(split: str, lang: str = "{lang}") -> List[str]:
        names = ("{split}-{lang}.tsv", "{lang}/{split}.tsv", *own)
        return [name.format(split=split, lang=lang) for name in names]

    def translated(folder: str, name: str, endings: Sequence[str]) -> List[str]:
        return [f"{folder}/{name}-translated.{ending}" for ending in endings]

    every = ("tsv", "conllu", "txt")
    return {
        "train": of("train", "{src}"),
        "supervised": of("train"),
        "dev": of("dev"),
        "test": of("test"),
        "translate-train": translated("translate-train", "{src}-{lang}", every),
        "back-translation": translated(
            "translate-train-{src}", "{src}-{lang}-{src}", ("tsv", "txt")
        ),
        "translate-dev": translated("translate-dev", "dev-{lang}-{src}", every),
        "translate-test": translated("translate-test", "test-{lang}-{src}", every),
    }


# A user's own files.
QUESTIONS: Dict[str, List[str]] = {
    "train": ["train-{src}.json"],
    "translate-train": ["translate-train/{src}-{lang}-translated.json"],
    "back-translation": ["translate-train-{src}/{src}-{lang}-{src}-translated.json"],
    "supervised": ["train-{lang}.json"],
    "dev": ["dev-{lang}.json"],
    "test": ["test-{lang}.json"],
    "translate-dev": ["translate-dev/dev-{lang}-{src}-translated.json"],
    "translate-test": ["translate-test/test-{lang}-{src}-translated.json"],
}
# There is no dev set of XQuAD: MLQA's is used (X-Mixup appendix C.1).
SQUAD: Dict[str, List[str]] = {
    "train": ["squad/train-v1.1.json"],
    "translate-train": [
        "squad/translate-train/squad.translate.train.{src}-{lang}.json",
        "SQuAD/translate-train/squad.translate.train.{src}-{lang}.json",
    ],
    "back-translation": [
        "squad/translate-train-{src}/squad.translate.train.{src}-{lang}-{src}.json"
    ],
    "supervised": ["squad/train-{lang}.json"],
    "dev": ["mlqa/MLQA_V1/dev/dev-context-{lang}-question-{lang}.json"],
    "translate-dev": ["mlqa/translate-dev/mlqa.translate.dev.{lang}-{src}.json"],
}
XQUAD = {
    **SQUAD,
    "test": ["xquad/xquad.{lang}.json", "xquad/test-{lang}.json"],
    "translate-test": [
        "xquad/translate-test/xquad.translate.test.{lang}-{src}.json",
        "XQuAD/translate-test/xquad.translate.test.{lang}-{src}.json",
    ],
}
MLQA = {
    **SQUAD,
    "test": [
        "mlqa/MLQA_V1/test/test-context-{lang}-question-{lang}.json",
        "mlqa/test-{lang}.json",
    ],
    "translate-test": [
        "mlqa/translate-test/mlqa.translate.test.{lang}-{src}.json",
        "MLQA/translate-test/mlqa.translate.test.{lang}-{src}.json",
    ],
}
# XTREME's script cuts the ids of the files that it makes by language, so that they
# repeat; the file that it makes them from, which holds all languages, comes first.
TYDIQA_ALL = "tydiqa/tydiqa-goldp-v1.1-train/tydiqa-goldp-v1.1-train.json"
TYDIQA = {
    "train": [
        TYDIQA_ALL,
        "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{src}.train.json",
    ],
    "supervised": [
        TYDIQA_ALL,
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
TYDIQA_LANGUAGES = dict(
    arabic="ar", bengali="bn", english="en", finnish="fi", indonesian="id",
    korean="ko", russian="ru", swahili="sw", telugu="te",
)  # fmt: skip


def tydiqa_language(question_id: str) -> Optional[str]:
    """The language of a question: its id begins with the language's name."""
    return TYDIQA_LANGUAGES.get(question_id.split("-")[0])


# One CoNLL-U file, or all treebanks of a language.
UDPOS = (
    "{split}-{lang}.conllu",
    "{lang}_*-ud-{split}.conllu",
    "*/{lang}_*-ud-{split}.conllu",
)
# WikiANN's, or a CoNLL file in the language's folder.
PANX = (
    "{split}-{lang}.txt",
    "{lang}-{split}",
    "{lang}/{split}",
    "{lang}/{split}.txt",
    "{lang}.{split}",
)

BENCHMARKS = {
    "xnli": Benchmark(
        PairFiles, PAIRS, LABELS["xnli"], {"spellings": SPELLINGS["xnli"]}
    ),
    "pawsx": Benchmark(PairFiles, PAIRS, LABELS["pawsx"]),
    "udpos": Benchmark(TagFiles, tagged(UDPOS), LABELS["udpos"], {"chunked": False}),
    "panx": Benchmark(TagFiles, tagged(PANX), LABELS["panx"], {"chunked": True}),
    "xquad": Benchmark(QuestionFiles, with_own(XQUAD, QUESTIONS)),
    "mlqa": Benchmark(QuestionFiles, with_own(MLQA, QUESTIONS)),
    "tydiqa": Benchmark(
        QuestionFiles,
        with_own(TYDIQA, QUESTIONS),
        settings={"lang_of": tydiqa_language},
    ),
}
