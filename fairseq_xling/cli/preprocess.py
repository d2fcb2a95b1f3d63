"""The command lines of ``preprocess/*.py``."""

import argparse
import logging
import os
from pathlib import Path
from typing import Optional, Sequence

from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.destination import BINARIZED, check_replaceable
from fairseq_xling.interop.model_folder import find_vocabulary
from fairseq_xling.preprocessing.benchmarks import BENCHMARKS
from fairseq_xling.preprocessing.binarize import Output, binarize
from fairseq_xling.preprocessing.parallel import binarize_parallel
from fairseq_xling.preprocessing.raw_layout import RawLayout


def build_parser(task: str) -> argparse.ArgumentParser:
    """The command line that every ``preprocess/{task}.py`` has."""
    parser = argparse.ArgumentParser(
        description=f"Binarize raw {task} data; the README describes the raw folder."
    )
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="raw data folder")
    parser.add_argument(
        "--model",
        help="that is to be trained: its folder, of fairseq's or Hugging Face's form, "
        "or a name such as xlmr.base or xlm-roberta-base",
    )
    parser.add_argument(
        "--tokenizer",
        "--spm",
        help="instead of --model, its sentencepiece.bpe.model or tokenizer.json",
    )
    parser.add_argument("--dict", help="and its dict.txt")
    parser.add_argument(
        "--destdir", required=True, type=Path, help="folder to write, made as a whole"
    )
    parser.add_argument("--source-lang", default="en", help="language with labels")
    parser.add_argument(
        "--target-langs", help="comma list (default: all that the folder holds)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that encode"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a destdir that exists"
    )
    return parser


def parse_args(
    parser: argparse.ArgumentParser, argv: Optional[Sequence[str]]
) -> argparse.Namespace:
    """Read the command line, set up logging and check what can be checked at once."""
    args = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s | %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    if args.workers < 1:
        raise UserError(f"--workers {args.workers}: must be at least 1")
    files = (args.tokenizer, args.dict)
    if (None in files) if args.model is None else any(files):
        raise UserError("--model: give it, or --tokenizer and --dict instead")
    reads = [args.raw, *([args.model] if args.model else files)]
    check_replaceable(args.destdir, args.overwrite, BINARIZED, reads)
    if args.model is not None:
        args.tokenizer, args.dict = find_vocabulary(args.model, args.destdir)
    args.output = Output(args.destdir, args.tokenizer, args.dict, args.workers)
    return args


@one_line_errors()
def preprocess(task: str, argv: Optional[Sequence[str]] = None) -> None:
    """Read a benchmark's raw data and write the binarized folder.

    Raises:
        UserError: anything in the raw data or the arguments that is wrong.
    """
    benchmark = BENCHMARKS[task]
    parser = build_parser(task)
    own = []
    for name, option in benchmark.files.options.items():
        told = option["help"].format(labels=",".join(benchmark.labels))
        own.append(parser.add_argument(name, **{**option, "help": told}).dest)
    args = parse_args(parser, argv)
    files = benchmark.open(**{name: getattr(args, name) for name in own})
    layout = RawLayout(args.raw, args.source_lang, benchmark.places, files)
    binarize(task, layout, args.target_langs, args.output)


@one_line_errors()
def preprocess_parallel(argv: Optional[Sequence[str]] = None) -> None:
    """Read parallel text and write the binarized folder.

    Raises:
        UserError: anything in the text or the arguments that is wrong.
    """
    args = parse_args(build_parser("parallel"), argv)
    binarize_parallel(args.raw, args.source_lang, args.target_langs, args.output)
