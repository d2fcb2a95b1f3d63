"""Raw folders of sentence pairs: how their files are opened."""

from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional, Sequence

from fairseq_xling.families.files import RawFiles
from fairseq_xling.families.pairs.encode import PairEncoder
from fairseq_xling.families.pairs.raw import Table
from fairseq_xling.families.pairs.translating import PairTranslator
from fairseq_xling.families.translating import Verbatim
from fairseq_xling.files.text_lines import open_lines


class PairFiles(RawFiles):
    """Opens tables of sentence pairs.

    Args:
        spellings: other spellings of labels that raw data use.
        skip_empty_rows, pair_source: see ``options``.
    """

    encoder = PairEncoder
    translator = PairTranslator
    options = {
        "--skip-empty-rows": {
            "action": "store_true",
            "help": "leave out rows that lack a sentence, as some of PAWS-X's do, "
            "instead of refusing them",
        },
        "--pair-source": {
            "action": "store_true",
            "help": "pair rows of the source language with themselves in training, dev "
            "and test (default: only where the folder has files that do, such as "
            "translate-train/en-en-translated.tsv)",
        },
    }

    def __init__(
        self,
        labels: Sequence[str],
        spellings: Optional[Dict[str, str]] = None,
        skip_empty_rows: bool = False,
        pair_source: bool = False,
    ) -> None:
        self.labels = labels
        self.known = {**dict(zip(labels, labels)), **(spellings or {})}
        self.skip_empty_rows = skip_empty_rows
        self.pair_source = pair_source

    @classmethod
    def to_translate(cls, **settings: Any) -> "PairFiles":
        files = cls((), skip_empty_rows=True)
        files.known = Verbatim()
        return files

    def open(self, paths: List[Path], lang: Optional[str]) -> Table:
        return Table(paths[0], self.known, lang, self.skip_empty_rows)

    def languages_in(self, path: Path) -> FrozenSet[str]:
        position = Table(path, {}).columns.get("lang")
        if position is None:
            return frozenset()
        found = set()
        with open_lines(path) as file:
            next(file)
            for line in file:
                fields = line.split(b"\t", position + 1)
                if len(fields) > position:
                    found.add(fields[position].strip().decode("utf-8", "replace"))
        return frozenset(found)
