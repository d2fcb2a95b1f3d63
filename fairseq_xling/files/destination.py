"""Where a command may write: it replaces only what is its own, and nothing it reads."""

import os
import re
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple, Pattern, Union

from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import PathLike


class Output(NamedTuple):
    """A kind of folder that commands write as a whole.

    Attributes:
        what: what it is, for messages.
        marks: files of which such a folder has one.
        files: what the paths of all its files look like, seen from the folder.
    """

    what: str
    marks: Iterable[str]
    files: Pattern[str]


_STREAM = (
    "input|source|backtranslation|label|(source_)?(word_starts|tags|span)|soft_tags|"
    "context_length|offsets"
)
BINARIZED = Output(
    "a folder of binarized data",
    ["manifest.json"],
    re.compile(
        r"(label\.)?dict\.txt|sentencepiece\.bpe\.model|tokenizer\.json|manifest\.json|"
        r"pseudo_labels\.json|(train|supervised|valid|test)\.[\w-]+\."
        rf"(({_STREAM})\.(bin|idx)|examples\.jsonl)|\w+\.[\w-]+\.variants\.jsonl"
    ),
)


def check_new(path: PathLike, option: str) -> None:
    """Refuse to write where something is."""
    if os.path.lexists(path):
        raise UserError(f"{path}: is there already; give another {option}")


def check_replaceable(
    path: PathLike, overwrite: bool, output: Output, reads: Iterable[PathLike]
) -> None:
    """Refuse to replace anything but an output of the same kind, when told to."""
    path = Path(path)
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise UserError(f"{path}: exists; replace it with --overwrite")
    mend = "so --overwrite does not replace it; give another --destdir"
    is_ours = any((path / name).exists() for name in output.marks)
    if not path.is_dir() or (any(path.iterdir()) and not is_ours):
        raise UserError(f"{path}: exists and is not {output.what}, {mend}")
    check_apart(path, reads)
    for name in names_below(path):
        if not output.files.fullmatch(name):
            raise UserError(
                f"{path}: holds {name}, which is no part of {output.what}, {mend}"
            )


def check_apart(path: PathLike, reads: Iterable[PathLike]) -> None:
    """Refuse a folder that holds what a command reads, or that such a folder holds.

    Args:
        reads: files and folders that are read; links are followed.
    """
    place = Path(os.path.realpath(path))
    for name in reads:
        other = Path(os.path.realpath(name))
        # A link is lost, too, wherever it leads to.
        for one in (other, Path(os.path.abspath(name))):
            if place == one or place in one.parents:
                raise UserError(
                    f"{path}: holds {name}, which is read; give another folder to write"
                )
        if other in place.parents:
            raise UserError(
                f"{path}: is a part of {name}, which is read; give another folder to "
                "write"
            )


def check_output(path: PathLike, reads: Iterable[PathLike]) -> None:
    """Refuse to write a file over one that the command reads."""
    if os.path.isdir(path):
        raise UserError(f"{path}: a folder; give the name of a file")
    for name in reads:
        if os.path.exists(name) and os.path.realpath(name) == os.path.realpath(path):
            raise UserError(f"{path}: is read; give another file to write")


def names_below(folder: Union[str, Path]) -> Iterator[str]:
    """Paths of all files and links below a folder, seen from it."""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in sorted([*files, *links]):
            yield Path(parent, name).relative_to(folder).as_posix()
