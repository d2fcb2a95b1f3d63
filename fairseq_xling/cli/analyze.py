"""xling-analyze: how near a model brings languages, and what that does to scores.

    xling-analyze cka data-bin/xnli --path a/checkpoint_best.pt b/checkpoint_best.pt \
        --results results/results.json --results-path analysis

Each kind writes its numbers (JSON), tables (Markdown) and figures (PNG).
"""

import argparse
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple

from fairseq_xling.analysis.cka_by_language import analyze_cka
from fairseq_xling.analysis.findings import Findings, write_findings
from fairseq_xling.analysis.language_maps import analyze_centroids, analyze_pca
from fairseq_xling.analysis.mixup_layers import analyze_layers
from fairseq_xling.analysis.models import Inputs
from fairseq_xling.analysis.ratio_by_language import analyze_ratio
from fairseq_xling.analysis.transfer_gaps import analyze_gap
from fairseq_xling.analysis.translation_quality import (
    MAX_ROWS,
    Choice,
    analyze_translation,
)
from fairseq_xling.analysis.unseen_languages import analyze_unseen
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli import options
from fairseq_xling.preprocessing.benchmarks import BENCHMARKS


class Kind(NamedTuple):
    """An analysis: what it is of, the function that does it, and its options."""

    help: str
    add_shared: Callable[[argparse.ArgumentParser], None]
    analyze: Callable[[argparse.Namespace], Findings]
    options: Dict[str, Dict[str, Any]] = {}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what the analyses of checkpoints share."""
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--path", required=True, nargs="+", help="checkpoints")
    parser.add_argument("--names", nargs="+", help="of the checkpoints (default: their "
                        "folders')")  # fmt: skip
    parser.add_argument("--split", default="test")
    parser.add_argument("--langs", help="comma list (default: all of the split)")
    parser.add_argument(
        "--max-rows", type=int, help="rows of each language, drawn at random"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    options.add_batch_options(parser)


def inputs_of(args: argparse.Namespace) -> Inputs:
    """What :func:`add_model_options` added."""
    batches = options.batch_options(args, max_rows=2, seed=0)
    paths = [find_checkpoint_file(path) for path in args.path]
    return Inputs(
        args.data, paths, args.names, args.split, args.langs, args.max_rows,
        args.seed, batches,
    )  # fmt: skip


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add what the analyses of results share."""
    parser.add_argument(
        "results", nargs="+", help="results.json files of xling-evaluate, or folders"
    )
    parser.add_argument("--models", nargs="+", help="names of models (default: all)")


def add_translation_options(parser: argparse.ArgumentParser) -> None:
    """Add which translations are looked at, and which model is compared with them."""
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="raw data folder")
    parser.add_argument(
        "--task", choices=sorted(BENCHMARKS), default="xnli", help="whose raw folder"
    )
    parser.add_argument("--source-lang", default="en", help="language with labels")
    parser.add_argument("--langs", help="comma list (default: all that the folder has)")
    parser.add_argument(
        "--max-rows",
        type=int,
        default=MAX_ROWS,
        help="rows of each file whose chrF is computed, drawn at random "
        "(default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    parser.add_argument(
        "--path", help="checkpoint whose mixup ratios are compared with chrF"
    )
    parser.add_argument(
        "--data",
        help="folder with its dict.txt and tokenizer (default: as xling-predict)",
    )
    options.add_batch_options(parser)


def translation_of(args: argparse.Namespace) -> Findings:
    """Run what :func:`add_translation_options` has the options of."""
    batches = options.batch_options(args, max_rows=1, seed=0)
    choice = Choice(
        args.raw, args.task, args.source_lang, args.langs, args.max_rows, args.seed
    )
    return analyze_translation(choice, args.path, args.data, batches)


LAYER = {
    "--layer": {
        "default": "last", "help": "one layer; 0 is the embeddings (default: last)"
    }
}  # fmt: skip
KINDS: Dict[str, Kind] = {
    "cka": Kind(
        "linear CKA of targets with their sources by language and layer, and its "
        "correlation with the score (X-Mixup Figure 3, Tables 2 and 7)",
        add_model_options,
        lambda a: analyze_cka(inputs_of(a), a.layers, a.results),
        {
            "--layers": {
                "default": "all",
                "help": "all, last, or a comma list; 0 is the embeddings "
                "(default: all)",
            },
            "--results": {
                "nargs": "+", "help": "results.json files of the same models"
            },
        },
    ),
    "pca": Kind(
        "sentences of all languages on their principal components (X-Mixup Figure 1)",
        add_model_options,
        lambda a: analyze_pca(inputs_of(a), a.layer),
        LAYER,
    ),
    "centroids": Kind(
        "centroids of the languages, and their distances (X-Mixup Figure 4)",
        add_model_options,
        lambda a: analyze_centroids(inputs_of(a), a.layer),
        LAYER,
    ),
    "ratio": Kind(
        "mixup ratio and attention entropy by language, and with worse translations",
        add_model_options,
        lambda a: analyze_ratio(inputs_of(a), a.noise_rates),
        {
            "--noise-rates": {
                "type": float, "nargs": "*", "default": [10.0, 20.0, 40.0],
                "metavar": "R",
                "help": "percent of the words to drop or swap (default: 10 20 40)",
            }
        },
    ),
    "layers": Kind(
        "scores of models that mix in different layers (X-Mixup Figure 5)",
        add_result_options,
        lambda a: analyze_layers(a.results, a.models, a.layers, a.baseline),
        {
            "--layers": {
                "type": int, "nargs": "+",
                "help": "layer that each model mixes in (default: its checkpoint's)",
            },
            "--baseline": {
                "nargs": "+", "default": [], "metavar": "NAME",
                "help": "models to draw as a dashed line",
            },
        },
    ),
    "gap": Kind(
        "transfer gaps by task (X-Mixup Table 8)",
        add_result_options,
        lambda a: analyze_gap(a.results, a.models),
    ),
    "unseen": Kind(
        "scores in languages that were trained on, and in others (X-Mixup Table 6)",
        add_result_options,
        lambda a: analyze_unseen(a.results, a.models, a.seen),
        {
            "--seen": {
                "help": "comma list of the languages that were trained on (default: as "
                "the checkpoints say)"
            }
        },
    ),
    "translation": Kind(
        "translations of a raw folder: lengths, copies, repetitions, round-trip chrF, "
        "the worst texts, and a model's mixup ratio against chrF",
        add_translation_options,
        translation_of,
    ),
}  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-analyze``."""
    parser = options.new_parser(__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for name, kind in KINDS.items():
        one = kinds.add_parser(name, help=kind.help, description=kind.help)
        kind.add_shared(one)
        for option, settings in kind.options.items():
            one.add_argument(option, **settings)
        one.add_argument("--results-path", required=True, help="folder to write")
    return parser


def main(args: argparse.Namespace) -> Dict[str, Any]:
    """Run an analysis, write it, and return its numbers."""
    findings = KINDS[args.kind].analyze(args)
    write_findings(
        findings, args.kind, args.results_path, getattr(args, "results", None) or ()
    )
    print(findings.markdown, end="")
    print(f"written to {args.results_path}")
    return findings.numbers


cli_main = options.entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
