"""The command line of ``preprocess/translate.py``."""

import argparse
import functools
import logging
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type

from fairseq_xling.cli.engine_options import (
    ENGINES,
    add_engine_options,
    engine_options,
)
from fairseq_xling.cli.options import add_device_options, new_parser
from fairseq_xling.data.languages import LANGUAGE
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.translating import RowTranslator
from fairseq_xling.option_values import check_number, read_languages
from fairseq_xling.preprocessing.benchmarks import BENCHMARKS
from fairseq_xling.preprocessing.raw_layout import RawLayout
from fairseq_xling.preprocessing.translate import (
    BACK,
    MADE_FROM,
    TRAIN,
    FolderTranslator,
    Shard,
)
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.opening import open_engine

DOC = """Translate a raw folder, for X-Mixup: the training set to other languages, its
translations back, and the dev and test sets to the source language. The files are
written beside the raw ones, as preprocess/*.py read them. What is there is kept, and a
run that was killed goes on.
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line, with the options of all families."""
    parser = new_parser(DOC)
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="raw data folder")
    parser.add_argument("--to", required=True, metavar="LANGS", help="comma list")
    parser.add_argument("--engine", required=True, help=ENGINES)
    parser.add_argument(
        "--task", choices=sorted(BENCHMARKS), default="xnli", help="whose raw folder"
    )
    parser.add_argument("--source-lang", default="en", help="language with labels")
    parser.add_argument(
        "--only",
        help="comma list of translate-train, translate-train-en (its translation "
        "back), translate-dev, translate-test (default: all)",
    )
    add_engine_options(parser)
    parser.add_argument(
        "--workers", type=int, default=1, help="programs of command: at once"
    )
    parser.add_argument("--batch-size", type=int, default=EngineOptions.batch_size)
    parser.add_argument("--max-tokens", type=int, help="instead of --batch-size")
    parser.add_argument(
        "--distributed-world-size",
        type=int,
        default=1,
        help="processes, of which each translates a part of the rows; then run once "
        "without this, to write the files",
    )
    parser.add_argument("--distributed-rank", type=int, default=0, help="from 0")
    add_device_options(parser)
    for flag, told in family_options().items():
        parser.add_argument(flag, default=None, **told)
    return parser


def family_options() -> Dict[str, Dict[str, Any]]:
    """The options that families have for their own rows."""
    translators = [one.files.translator for one in BENCHMARKS.values()]
    return {flag: told for one in translators for flag, told in one.options.items()}


def read_family_options(
    args: argparse.Namespace, translator: Type[RowTranslator]
) -> Dict[str, Any]:
    """The arguments of a family's translator.

    Raises:
        UserError: an option of another family was given.
    """
    given = {flag: getattr(args, name_of(flag)) for flag in family_options()}
    for flag, value in given.items():
        if flag not in translator.options and value is not None:
            raise UserError(f"{flag}: has no meaning for --task {args.task}")
    return {name_of(x): y for x, y in given.items() if y is not None}


def name_of(flag: str) -> str:
    """An option as it is called in Python."""
    return flag[2:].replace("-", "_")


@one_line_errors()
def translate(argv: Optional[Sequence[str]] = None) -> None:
    """Translate a raw folder, and print what was counted.

    Raises:
        UserError: anything in the raw data, the engine or the arguments that is wrong.
    """
    args = build_parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s | %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    benchmark = BENCHMARKS[args.task]
    check_number("--workers", args.workers, low=1)
    files = benchmark.files.to_translate(**benchmark.settings)
    run = FolderTranslator(
        RawLayout(args.raw, args.source_lang, benchmark.places, files),
        read_family_options(args, files.translator),
        functools.partial(open_engine, args.engine, options=engine_options(args)),
        args.workers,
        read_shard(args),
    )
    print(run.run(*read_wanted(args)), end="")


def read_wanted(args: argparse.Namespace) -> Tuple[List[str], Optional[List[str]]]:
    """The languages, and the kinds of files where they are told.

    Raises:
        UserError: one is none, or the source language.
    """
    langs = read_languages("--to", args.to)
    for lang in langs:
        if not re.fullmatch(LANGUAGE, lang):
            raise UserError(f"--to {lang}: no language; give codes such as es,de")
        if lang == args.source_lang:
            raise UserError(f"--to {lang}: is the source language; give other ones")
    if args.only is None:
        return langs, None
    kinds = {f"{TRAIN}-{args.source_lang}" if x == BACK else x: x for x in MADE_FROM}
    names = args.only.split(",")
    for name in names:
        if name not in kinds:
            raise UserError(f"--only {name}: give some of {','.join(kinds)}")
    return langs, [kind for name, kind in kinds.items() if name in names]


def read_shard(args: argparse.Namespace) -> Shard:
    """Which part of the rows is translated."""
    number, count = args.distributed_rank, args.distributed_world_size
    if not 0 <= number < count:
        raise UserError(
            f"--distributed-rank {number}: give 0 to {count - 1} with "
            f"--distributed-world-size {count}"
        )
    return Shard(number, count)
