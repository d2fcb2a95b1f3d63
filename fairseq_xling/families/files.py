"""How the raw files of a family are opened, and by which options."""

from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Type

from fairseq_xling.families.encode import RowEncoder
from fairseq_xling.families.raw import RawFile, RawSplit
from fairseq_xling.families.translating import RowTranslator


class RawFiles:
    """How the files of a family are opened.

    Attributes:
        options: what :mod:`argparse` is told of each option of the family's own, with
            ``{labels}`` for the benchmark's; they are arguments of the class.
        encoder, translator: the family's.
        labels: in the order of their ids.
        pair_source: see :class:`fairseq_xling.preprocessing.raw_layout.RawLayout`.
    """

    options: Dict[str, Dict[str, Any]] = {}
    encoder: Type[RowEncoder]
    translator: Type[RowTranslator]
    labels: Sequence[str] = ()
    pair_source: Optional[bool] = None

    @classmethod
    def to_translate(cls, **settings: Any) -> "RawFiles":
        """What opens files to be translated, whatever labels they have.

        Args:
            settings: the benchmark's.
        """
        raise NotImplementedError

    def open(self, paths: List[Path], lang: Optional[str]) -> RawFile:
        """Open the files of one place.

        Args:
            lang: the language to select where they hold several.
        """
        raise NotImplementedError

    def languages_in(self, path: Path) -> FrozenSet[str]:
        """The languages of a file that holds several; empty for another."""
        return frozenset()

    def finish(self, folder: Path, splits: List[RawSplit]) -> List[RawSplit]:
        """Look at the splits that were found in a folder, and change them."""
        return splits
