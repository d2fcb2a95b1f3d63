"""Put a folder of text in order for pre-training, and hold lines out for validation.

    python preprocess/split_text.py TEXT_DIR --destdir DIR

``TEXT_DIR`` holds text as ``{lang}.txt`` or ``train.{lang}.txt``, and translations, if
any, as ``train.{src}-{lang}.{src}.txt`` and ``train.{src}-{lang}.{lang}.txt``. ``DIR``
gets ``monolingual/`` as preprocess/monolingual.py reads it and ``parallel/`` as
preprocess/parallel.py does. Where there is no ``valid.`` file beside a ``train.`` one,
every 100th line is held out, at most 1,000.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm  # noqa: E402

from fairseq_xling import UserError  # noqa: E402
from fairseq_xling.errors import one_line_errors  # noqa: E402
from fairseq_xling.files.atomic import atomic_folder  # noqa: E402
from fairseq_xling.files.destination import check_new  # noqa: E402
from fairseq_xling.files.text_lines import lines_with_text  # noqa: E402
from fairseq_xling.preprocessing.parallel import (  # noqa: E402
    ParallelText,
    find_parallel,
)

HELD_OUT_EVERY = 100
HELD_OUT_AT_MOST = 1000
# A code may have hyphens of its own; the last part of the name tells where it ends.
PAIR_NAME = re.compile(
    r"(?:train|valid)\.([A-Za-z0-9_-]+?)-([A-Za-z0-9_-]+)\.(?:\1|\2)\.txt"
)
TEXT_NAME = re.compile(r"(?:train\.)?([A-Za-z0-9_-]+)\.txt")
# A row of text has one column, a row of translations two.
Rows = Iterator[Sequence[str]]


def split(train: Rows, valid: Optional[Rows], names: List[str], out: Path) -> None:
    """Write the training and validation files of a text or of two aligned ones.

    Args:
        train, valid: rows; without those to validate on, some are held out.
        names: of each column, what files are called behind ``train.`` and ``valid.``.
        out: folder.

    Raises:
        UserError: there is too little.
    """
    counts = {"train": 0, "valid": 0}
    files = {
        part: [open(out / f"{part}.{name}", "w", encoding="utf-8") for name in names]
        for part in counts
    }

    def write(part: str, row: Sequence[str]) -> None:
        counts[part] += 1
        for text, file in zip(row, files[part]):
            file.write(f"{text}\n")

    for number, row in enumerate(tqdm(train, names[-1], unit=" lines", disable=None)):
        is_due = valid is None and number % HELD_OUT_EVERY == 0
        is_held_out = is_due and counts["valid"] < HELD_OUT_AT_MOST
        write("valid" if is_held_out else "train", row)
    for row in valid or ():
        write("valid", row)
    for file in files["train"] + files["valid"]:
        file.close()
    print(f"{names[-1]}: {counts['train']} lines, {counts['valid']} to validate on")
    for part, count in counts.items():
        if not count:
            raise UserError(f"{names[-1]}: no lines of text for {part}; give it some")


def find_texts(folder: Path) -> Dict[str, Path]:
    """The monolingual files to train on, by their languages.

    Raises:
        UserError: there is none, or two of one language.
    """
    found: Dict[str, Path] = {}
    for path in sorted(folder.glob("*.txt")):
        match = TEXT_NAME.fullmatch(path.name)
        if match and match.group(1) in found:
            raise UserError(
                f"{path}: {found[match.group(1)]} is of the same language; join them"
            )
        if match:
            found[match.group(1)] = path
    if not found:
        raise UserError(
            f"{folder}: no LANG.txt or train.LANG.txt; text of each language is needed "
            "(of translations, copy the sides there)"
        )
    return found


def find_pairs(folder: Path, split: str, source_lang: str) -> Dict[str, ParallelText]:
    """The translations of a split by their languages; none is fine.

    Raises:
        UserError: there are some of another source, which would be left out.
    """
    for path in sorted(folder.glob(f"{split}.*.txt")):
        match = PAIR_NAME.fullmatch(path.name)
        if match and match.group(1) != source_lang:
            raise UserError(
                f"{path}: translations of {match.group(1)}, but those of {source_lang} "
                f"are read; give --source-lang {match.group(1)}, or remove it"
            )
    if not any(folder.glob(f"{split}.{source_lang}-*.*.txt")):
        return {}
    return {part.lang: part for part in find_parallel(folder, split, source_lang)}


@one_line_errors()
def main() -> None:
    """Read the options and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path, metavar="TEXT_DIR")
    parser.add_argument("--destdir", type=Path, required=True)
    parser.add_argument("--source-lang", default="en", help="of the translations")
    args = parser.parse_args()
    check_new(args.destdir, "--destdir")
    texts = find_texts(args.text)
    pairs, valid_pairs = (
        find_pairs(args.text, split, args.source_lang) for split in ("train", "valid")
    )
    with atomic_folder(args.destdir) as folder:
        (folder / "monolingual").mkdir()
        for lang, path in texts.items():
            held_out = args.text / f"valid.{lang}.txt"
            valid = columns(held_out) if held_out.exists() else None
            name = f"{lang}.txt"
            split(columns(path), valid, [name], folder / "monolingual")
        if pairs:
            (folder / "parallel").mkdir()
        for lang, pair in pairs.items():
            names = [path.name.split(".", 1)[1] for path in (pair.source, pair.target)]
            valid = valid_pairs[lang].rows() if lang in valid_pairs else None
            split(
                whole(pair.rows()), valid and whole(valid), names, folder / "parallel"
            )


def columns(path: Path) -> Rows:
    """The lines of text of a file, as rows of one column."""
    return ([line] for line in lines_with_text(path))


def whole(rows: Rows) -> Rows:
    """The rows of which no side is empty."""
    return (row for row in rows if all(row))


if __name__ == "__main__":
    main()
