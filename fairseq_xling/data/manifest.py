"""``manifest.json``: what a folder of binarized data holds."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from fairseq_xling.data.tokenizers import SEPARATORS
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.text_lines import read_text

MANIFEST_NAME = "manifest.json"
FORMAT = 2


@dataclass
class SplitEntry:
    """One split in one language: its number of rows and the streams it has."""

    rows: int
    streams: List[str]


@dataclass
class Manifest:
    """The contents of a folder of binarized data.

    Attributes:
        task: the benchmark, such as ``"xnli"``.
        source_lang: the language of the ``source`` and ``backtranslation`` streams.
        languages: all languages, the source language first.
        labels: class names in the order of their ids.
        splits: for every split, its :class:`SplitEntry` in each language.
        dictionary_size: number of embedding rows that a model for these data needs.
        dictionary_sha256, tokenizer_sha256: of the copied files.
        tokenizer: ``"sentencepiece"`` or ``"wordpiece"``.
        version: the fairseq_xling that wrote the folder.
        augmentation: of virtual samples, the ``settings`` that made them and what
            was counted; None for other data.
        selection: of samples labelled by models, which pool, models and settings
            they were selected by; None for other data.
        format: version of the layout itself.
    """

    task: str
    source_lang: str
    languages: List[str]
    labels: List[str]
    splits: Dict[str, Dict[str, SplitEntry]]
    dictionary_size: int
    dictionary_sha256: str
    tokenizer_sha256: str
    version: str
    augmentation: Optional[Dict[str, Any]] = None
    selection: Optional[Dict[str, Any]] = None
    tokenizer: str = "sentencepiece"
    format: int = field(default=FORMAT)

    @property
    def separators(self) -> int:
        """How many ``</s>`` stand between the two texts of a pair."""
        return SEPARATORS[self.tokenizer]

    @classmethod
    @one_line_errors()
    def load(cls, folder: Union[str, Path]) -> "Manifest":
        """Read the manifest of ``folder``.

        Raises:
            UserError: there is none, or it is not one that this version can read.
        """
        path = Path(folder) / MANIFEST_NAME
        if not path.exists():
            raise UserError(
                f"{path}: not found; give a folder written by one of the "
                "preprocess/*.py scripts"
            )
        text = read_text(path)
        try:
            raw = parse_json(text)
        except ValueError as error:
            raise UserError(
                f"{path}: cannot be read ({error}); write it anew"
            ) from None
        found = raw.get("format") if isinstance(raw, dict) else None
        if found != FORMAT:
            raise UserError(
                f"{path}: layout {found}, but this version reads layout {FORMAT}; run "
                "preprocessing again"
            )
        check_kinds(path, raw)
        try:
            splits = {
                split: {lang: SplitEntry(**entry) for lang, entry in by_lang.items()}
                for split, by_lang in raw.pop("splits").items()
            }
            return cls(splits=splits, **raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}: incomplete ({error}); run preprocessing again"
            ) from None

    def save(self, folder: Union[str, Path]) -> None:
        """Write the manifest into ``folder``."""
        contents = asdict(self)
        for name in ("augmentation", "selection"):
            if contents[name] is None:
                del contents[name]
        with atomic_file(Path(folder) / MANIFEST_NAME) as file:
            json.dump(contents, file, indent=2, ensure_ascii=False, sort_keys=True)
            file.write("\n")


# What the fields of a manifest are.
_TEXTS = ("task", "source_lang", "dictionary_sha256", "tokenizer_sha256", "version")
_LISTS = ("languages", "labels")


def check_kinds(path: Path, raw: Dict[str, Any]) -> None:
    """Refuse a manifest whose fields are not what they must be."""
    good = {
        **{name: isinstance(raw.get(name), str) for name in _TEXTS},
        **{name: _is_list(raw.get(name)) for name in _LISTS},
        "dictionary_size": _is_count(raw.get("dictionary_size")),
        "tokenizer": raw.get("tokenizer", "sentencepiece") in SEPARATORS,
        "splits": _are_splits(raw.get("splits"), raw.get("languages") or ()),
        **{
            name: isinstance(raw.get(name) or {}, dict)
            for name in ("augmentation", "selection")
        },
    }
    for name, is_good in good.items():
        if not is_good:
            raise UserError(
                f"{path}: {name} is missing, or not what this version reads; run "
                "preprocessing again"
            )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(value: Any) -> bool:
    """Whether a value is a list of different texts."""
    is_list = isinstance(value, list) and all(isinstance(x, str) for x in value)
    return is_list and len(set(value)) == len(value)


def _are_splits(splits: Any, languages: Any) -> bool:
    """Whether all entries have a number of rows and streams, and known languages."""
    return isinstance(splits, dict) and all(
        isinstance(by_lang, dict)
        and set(by_lang) <= set(languages)
        and all(
            isinstance(entry, dict)
            and _is_count(entry.get("rows"))
            and _is_list(entry.get("streams"))
            for entry in by_lang.values()
        )
        for by_lang in splits.values()
    )


def stream_prefix(folder: Union[str, Path], split: str, lang: str, stream: str) -> str:
    """Return the path of a stream without ``.bin`` and ``.idx``."""
    return str(Path(folder) / f"{split}.{lang}.{stream}")
