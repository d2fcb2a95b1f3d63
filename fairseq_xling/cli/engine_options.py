"""How a translation engine runs, on the command lines that have one."""

import argparse
from dataclasses import fields

from fairseq_xling.option_values import check_number, flag_of
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.language_codes import LanguageCodes

ENGINES = """command:PROGRAM (a line in, a line out), fairseq:FOLDER, hf:FOLDER or name,
python:module.function; {src} and {tgt} in it stand for the languages' codes
"""


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add what engines need, beside batches and where they run."""
    parser.add_argument(
        "--lang-code",
        action="append",
        default=[],
        metavar="LANG=CODE",
        help="an engine's code for a language, such as es=spa_Latn; repeatable",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=EngineOptions.timeout,
        help="seconds for a program and a chunk of 1000 rows (default: %(default)g)",
    )
    parser.add_argument(
        "--blank-lines",
        action="store_true",
        help="an empty line after each sentence, for a program that takes lines for "
        "running text, as apertium does",
    )
    parser.add_argument(
        "--beam", type=int, default=EngineOptions.beam, help="of a model's search"
    )


def engine_options(args: argparse.Namespace) -> EngineOptions:
    """The options of :func:`add_engine_options`, and of batches and devices.

    Raises:
        UserError: a number is too small, or a language's code is none.
    """
    for name in ("beam", "batch_size", "max_tokens"):
        check_number(flag_of(name), getattr(args, name), low=1)
    check_number("--timeout", args.timeout, above=True)
    names = [field.name for field in fields(EngineOptions) if field.name != "codes"]
    given = {name: getattr(args, name) for name in names}
    return EngineOptions(codes=LanguageCodes(args.lang_code), **given)
