"""xling-predict: tags, answers or classes for text, with a fine-tuned model.

Reads one input a line, writes one JSON object a line. A line is plain text: a sentence
to tag; or premise, hypothesis; or question, passage, with a tab between. Or it is a
JSON object with these names (``text`` or ``words`` for tagging), and under ``source``,
in the same form, its translation to the source language, which then takes part by
mixup; --translate makes those that are not given. Other fields are copied to the
output, but for those that the prediction has, too. Text that begins with a brace is to
be given as JSON. An empty line is an error.
"""

import argparse
import signal
import sys

from fairseq_xling.cli import options
from fairseq_xling.cli.engine_options import (
    ENGINES,
    add_engine_options,
    engine_options,
)
from fairseq_xling.predictor.lines import predict_file


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-predict``."""
    parser = options.new_parser(__doc__)
    parser.add_argument(
        "input", nargs="?", default="-", help="file of lines (default: standard input)"
    )
    parser.add_argument(
        "--path", required=True, help="checkpoint of fairseq-train, or its folder"
    )
    parser.add_argument(
        "--data",
        help="folder with dict.txt and sentencepiece.bpe.model (default: beside the "
        "checkpoint, or the data that it was trained on)",
    )
    parser.add_argument("--output", default="-", help="file (default: standard output)")
    parser.add_argument(
        "--format",
        choices=["json", "text"],
        default="json",
        help="text: word, tag and probability in columns; or answer or label, and "
        "probability",
    )
    parser.add_argument(
        "--translate",
        metavar="ENGINE",
        help=f"translates inputs that have no source: {ENGINES}",
    )
    parser.add_argument("--lang", help="language of the inputs, for --translate")
    add_engine_options(parser)
    options.add_batch_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Predict."""
    batches = options.batch_options(args)
    if args.translate is None:
        # No complaint where the reader has read enough. An engine may end early, too,
        # which then must not end this process.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    predict_file(
        args.input,
        args.path,
        args.data,
        args.output,
        in_columns=args.format == "text",
        batches=batches,
        engine=args.translate,
        lang=args.lang,
        engine_options=engine_options(args),
    )


run = options.entry_point(build_parser, main)


def cli_main() -> None:
    """Entry point of ``xling-predict``."""
    # Texts of all languages.
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    run()


if __name__ == "__main__":
    cli_main()
