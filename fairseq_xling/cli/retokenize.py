"""xling-retokenize: binarized data for a model with another tokenizer.

    xling-retokenize augmented --tokenizer mbert/tokenizer.json --dict mbert/dict.txt \
        --destdir augmented-mbert

Takes sentences and words as text, such as an XLM-R's virtual samples, and encodes them
anew, such as for an mBERT; labels and tags stay. What SentencePiece has normalised, or
not known, is lost already: where you have the raw text, preprocess that.
"""

import argparse
from pathlib import Path

from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.preprocessing.retokenize import retokenize


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-retokenize``."""
    parser = new_parser(__doc__)
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--tokenizer", required=True, help="of the other model, a file")
    parser.add_argument("--dict", required=True, help="dict.txt of the other model")
    parser.add_argument("--destdir", required=True, help="folder to write")
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the folder."""
    retokenize(Path(args.data), args.tokenizer, args.dict, Path(args.destdir))


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
