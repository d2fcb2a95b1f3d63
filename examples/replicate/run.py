"""The claims of both papers, measured in miniature with several seeds: one command.

    python examples/replicate/run.py [--results-path replication] [--data DATA_DIR]

Trains and evaluates everything that the claims are about on the made-up languages of
the demo and, given ``--data``, on real sets; then writes ``RESULTS.md``. Started again,
it goes on where it was.
"""

import argparse
import logging
import os
from pathlib import Path
from typing import List

from evaluation_plan import analyzing, evaluating, reporting
from multimix_plan import demo_setting, distilling, real_setting, running
from plan import (
    BIN,
    ROOT,
    Setting,
    demo_settings,
    preparing,
    python,
    real_settings,
    training,
)
from pretraining_plan import (
    languages,
    model_files,
    parallel_text,
    pretraining,
    pretraining_on_pairs,
    tokenizing,
)
from results_file import write_results

from fairseq_xling.cli.options import quiet_logging
from fairseq_xling.multimix.stages import Stage, only_one_run, run_stages

# The real tasks, and how they are laid out.
REAL_TASKS = {
    "udpos": ["--noisy-source"],
    "xnli": ["--noisy-source", "--test-rows", "1500"],
    "panx": [],
}
PARTS = ["pairs", "multimix", "tagging", "why", "pretraining", "qa"]


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results-path", type=Path, default=ROOT / "replication")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="(default: all)"
    )
    parser.add_argument(
        "--data", type=Path, help="folder of real sets, as real_data.py reads them"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--jobs", type=int, default=2, help="commands side by side")
    parser.add_argument(
        "--summary", type=Path, default=ROOT / "examples/replicate/RESULTS.md",
        help="what to write (default: RESULTS.md beside this script)",
    )  # fmt: skip
    return parser


def run_demo(args: argparse.Namespace) -> None:
    """All that is trained on the made-up languages."""
    out, jobs, seeds = args.results_path, args.jobs, args.seeds
    for stages in (languages, tokenizing, pretraining, model_files):
        run_stages(stages(out), jobs)
    settings: List[Setting] = []
    by_part = demo_settings(out)
    for part in args.parts:
        settings += by_part.get(part, [])
    if "pretraining" in args.parts:
        for stages in [*parallel_text(out), *pretraining_on_pairs(out, seeds)]:
            run_stages(stages, jobs)
    run_stages(preparing(settings, seeds, out), jobs)
    multimix = demo_setting(out, seeds[0])
    trainings = training(settings, seeds, out)
    if "multimix" in args.parts:
        run_stages(preparing(by_part["why"][:1], seeds[:1], out), jobs)
        trainings = running(multimix, seeds, out) + trainings
    run_stages(trainings, jobs)
    last = evaluating(settings, seeds, out)
    last += analyzing(settings, seeds, out)
    if "multimix" in args.parts:
        last += distilling(multimix, seeds, out)
    run_stages(last, jobs)
    swept = [setting for setting in settings if setting.layer]
    for stages in reporting(swept, seeds[0], out):
        run_stages(stages, jobs)


def run_real(args: argparse.Namespace) -> None:
    """A mini XLM-R on real text, and all that is trained on real sets."""
    out, jobs, seeds = args.results_path, args.jobs, args.seeds
    raw, model = out / "real/raw", out / "real/xlmr"
    stages = [
        Stage(
            "real text", out / "real/text",
            python("examples/replicate/real_text.py", args.data, out / "real/text"),
            [], [out / "real/text/en.txt"], False,
        )
    ]  # fmt: skip
    for task, options in REAL_TASKS.items():
        command = python(
            "examples/replicate/real_data.py", task, args.data, raw / task, *options
        )
        outputs = [raw / task / "train-en.tsv"]
        stages.append(Stage(f"real {task}", raw / task, command, [], outputs, False))
    run_stages(stages, jobs)
    command = [
        "bash", str(ROOT / "examples/pretrain_mini.sh"), str(out / "real/text"),
        str(model), "--cpu", "--max-tokens", "2048", "--updates", "2000",
    ]  # fmt: skip
    inputs = [out / "real/text/en.txt"]
    run_stages([Stage("mini XLM-R", model, command, inputs, [model / "model.pt"])], 1)
    multimix = real_setting(out)
    command = python(
        "preprocess/panx.py", raw / "panx", "--destdir", multimix.data,
        "--tokenizer", model / "sentencepiece.bpe.model", "--dict", model / "dict.txt",
    )  # fmt: skip
    outputs = [multimix.data / "manifest.json"]
    inputs = [model / "model.pt"]
    stages = [Stage("real panx: data", multimix.data, command, inputs, outputs, False)]
    settings = real_settings(out)
    run_stages(stages + preparing(settings, seeds, out), jobs)
    run_stages(running(multimix, seeds, out) + training(settings, seeds, out), jobs)
    last = evaluating(settings, seeds, out) + analyzing(settings, seeds, out)
    run_stages(last, jobs)
    for stages in reporting(settings, seeds[0], out):
        run_stages(stages, jobs)


def main() -> None:
    """Run what is not complete, and write the summary."""
    args = build_parser().parse_args()
    quiet_logging()
    args.results_path = args.results_path.resolve()
    # Small models are fastest on one thread each, side by side.
    os.environ.update(OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore", XLING_BIN=str(BIN))
    with only_one_run(args.results_path):
        run_demo(args)
        if args.data:
            run_real(args)
        write_results(args.results_path, args.seeds, args.summary)
    logging.getLogger(__name__).info(f"written to {args.summary}")


if __name__ == "__main__":
    main()
