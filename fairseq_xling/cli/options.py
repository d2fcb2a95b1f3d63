"""What the commands that run a model share."""

import argparse
from typing import Callable, Optional

from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.families.sharding import process_count
from fairseq_xling.launching.logs import quiet_logging
from fairseq_xling.launching.processes import share_out
from fairseq_xling.option_values import flag_of

LEAST = {"batch_size": 1, "max_tokens": 1, "num_workers": 0}
BATCHES = ("batch_size", "max_tokens", "num_workers", "cpu", "fp16", "bf16")


def new_parser(doc: Optional[str]) -> argparse.ArgumentParser:
    """A parser that describes its command by a module's docstring, as it stands."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Add how batches are made and where they run."""
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, help="instead of --batch-size")
    parser.add_argument("--num-workers", type=int, default=0)
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add where a model runs, and in which precision."""
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--fp16", action="store_true", help="half precision, on a GPU")
    half.add_argument(
        "--bf16", action="store_true", help="half precision that does not overflow"
    )


def add_sharing_options(parser: argparse.ArgumentParser) -> None:
    """Add the processes that share a command's rows, as fairseq's commands have them.

    With ``shares`` :func:`entry_point` runs it in each of them.
    """
    parser.add_argument(
        "--distributed-world-size",
        type=int,
        metavar="N",
        help="processes that share the rows, without --cpu each on a GPU of its own "
        "(default: 1; under torchrun or srun, as many as these start)",
    )


def batch_options(args: argparse.Namespace, **further: int) -> BatchOptions:
    """The options of :func:`add_batch_options`.

    Args:
        args: the command line.
        further: the least value of other options.

    Raises:
        UserError: a number is too small.
    """
    for name, low in {**LEAST, **further}.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise UserError(f"{flag_of(name)} {value}: give {low} or more")
    given = {name: getattr(args, name) for name in BATCHES}
    return BatchOptions(**given, processes=process_count())


def entry_point(
    build_parser: Callable[[], argparse.ArgumentParser],
    main: Callable[[argparse.Namespace], object],
    shares: bool = False,
) -> Callable[[], None]:
    """What a console script calls: read the command line and run.

    Args:
        shares: whether to do so in several processes, see
            :func:`add_sharing_options`.
    """

    def cli_main() -> None:
        args = build_parser().parse_args()
        quiet_logging()
        with one_line_errors():
            if shares:
                share_out(main, args)
            else:
                main(args)

    return cli_main
