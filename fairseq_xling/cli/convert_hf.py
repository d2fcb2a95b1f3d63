"""Convert models: preprocess/convert_hf.py.

    python preprocess/convert_hf.py HF_FOLDER --destdir DIR [--task xnli]
    python preprocess/convert_hf.py --to-hf CHECKPOINT.pt --destdir DIR [--data FOLDER]

The first makes a fairseq folder of a Hugging Face encoder, the second a Hugging
Face folder of a checkpoint.
"""

import argparse
import logging
import re
import warnings
from pathlib import Path
from typing import Optional, Sequence

from fairseq_xling.cli.options import new_parser
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import Output, check_replaceable
from fairseq_xling.interop import from_hf, to_hf
from fairseq_xling.interop.heads import BENCHMARKS
from fairseq_xling.option_values import flag_of

logger = logging.getLogger(__name__)

MODEL = Output(
    "a model's folder",
    ["model.pt", "config.json"],
    re.compile(
        r"model\.(pt|safetensors)|(label\.)?dict\.txt|sentencepiece\.bpe\.model|"
        r"(config|tokenizer|tokenizer_config|special_tokens_map)\.json|vocab\.txt"
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``preprocess/convert_hf.py``."""
    parser = new_parser(__doc__)
    parser.add_argument(
        "source", type=Path, metavar="MODEL", help="Hugging Face folder, or checkpoint"
    )
    parser.add_argument(
        "--to-hf", action="store_true", help="MODEL is a fairseq checkpoint"
    )
    parser.add_argument("--destdir", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--task",
        choices=BENCHMARKS,
        help="benchmark that a Hugging Face model is fine-tuned for",
    )
    parser.add_argument(
        "--source-lang",
        help="language that it is fine-tuned in (default: en)",
    )
    parser.add_argument(
        "--data",
        help="with --to-hf: folder with the checkpoint's dict.txt and tokenizer "
        "(default: its own folder, else the data that it was trained on)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a model's folder"
    )
    return parser


@one_line_errors()
def main(argv: Optional[Sequence[str]] = None) -> None:
    """Convert a model.

    Raises:
        UserError: it cannot be converted, or an option does not fit.
    """
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    # Hydra's, of the names that fairseq calls it by.
    warnings.filterwarnings("ignore", category=UserWarning)
    check_options(args)
    reads = [args.source, *([args.data] if args.data else [])]
    check_replaceable(args.destdir, args.overwrite, MODEL, reads)
    with atomic_folder(args.destdir) as folder:
        if args.to_hf:
            to_hf.convert(args.source, folder, args.data)
        else:
            lang = args.source_lang or "en"
            from_hf.convert(args.source, folder, args.task, lang, args.destdir)
    logger.info(f"wrote {args.destdir}")


def check_options(args: argparse.Namespace) -> None:
    """Refuse options of the other direction."""
    if not args.to_hf and not args.source.is_dir():
        raise UserError(
            f"{args.source}: not a folder; give one that save_pretrained wrote, or "
            "--to-hf for a checkpoint"
        )
    wrong = ("task", "source_lang") if args.to_hf else ("data",)
    for name in wrong:
        if getattr(args, name) is not None:
            raise UserError(
                f"{flag_of(name)}: does not go with this direction; leave it out"
            )
