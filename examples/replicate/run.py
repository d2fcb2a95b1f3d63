"""The claims of both papers, measured in miniature with several seeds: one command.

    python examples/replicate/run.py [--results-path replication] [--data DATA_DIR]

Trains and evaluates everything that the claims are about on the made-up languages of
the demo and, given ``--data``, on real sets; then writes ``RESULTS.md``. Started again,
it goes on where it was.
"""

import argparse
import json
import logging
import os
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, Sequence, Set

from evaluation_plan import analyzing, evaluating, reporting
from evidence import unlearned
from measured import measure
from multimix_plan import (
    adapting,
    demo_setting,
    distilling,
    real_setting,
    running,
)
from plan import (
    BIN,
    PARTS,
    REAL_PARTS,
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
from results_file import update_results

from fairseq_xling.errors import UserError
from fairseq_xling.files.locks import only_one_run
from fairseq_xling.launching.logs import quiet_logging
from fairseq_xling.stages import Stage, run_stages

# How the real tasks are laid out.
REAL_TASKS = {
    "udpos": ["--noisy-source"],
    "xnli": ["--noisy-source", "--test-rows", "1500"],
    "panx": [],
}
# Some of what these and real_text.py read.
REAL_FILES = [
    "nli/xnli/dev-en.tsv",
    "nli/xnli/test-en.tsv",
    "nli/mnli_dev_en/mnli.dev.en.tsv",
    "pos/ewt/train-en.tsv",
    "pos/pud/test-en.tsv",
    "ner/panx/train-es.tsv",
    "qa/tydiqa_goldp/english_tydiqa_train.json",
    "parallel/ntrex/newstest2019-src.eng.txt",
]
SEEDS = [2, 3, 4]


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
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--jobs", type=int, default=2, help="commands side by side")
    parser.add_argument(
        "--summary", type=Path, default=ROOT / "examples/replicate/RESULTS.md",
        help="what to write (default: RESULTS.md beside this script)",
    )  # fmt: skip
    return parser


class Runner:
    """Runs stages, some side by side, and remembers them.

    Args:
        jobs: how many run at once.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.manifests: Set[Path] = set()

    def __call__(self, stages: Sequence[Stage]) -> None:
        run_stages(stages, self.jobs)
        self.manifests |= {stage.manifest for stage in stages}

    def hours(self) -> float:
        """What all stages took, one after the other."""
        texts = [path.read_text(encoding="utf-8") for path in self.manifests]
        return sum(json.loads(text).get("seconds", 0.0) for text in texts) / 3600


def run_demo(run: Runner, args: argparse.Namespace) -> None:
    """All that is trained on the made-up languages."""
    out, seeds = args.results_path, args.seeds
    minis = ["mini-xlmr-qa"] if "qa" in args.parts else []
    minis += ["mini-xlmr"] if set(args.parts) != {"qa"} else []
    run(languages(out))
    for stages in (tokenizing, pretraining, model_files):
        run(stages(out, minis))
    settings: List[Setting] = []
    by_part = demo_settings(out)
    for part in args.parts:
        settings += by_part.get(part, [])
    if "pretraining" in args.parts:
        for stages in [*parallel_text(out), *pretraining_on_pairs(out, seeds)]:
            run(stages)
    run(preparing(settings, seeds, out))
    multimix = demo_setting(out, seeds[0])
    trainings = training(settings, seeds, out)
    if {"multimix", "distillation"} & set(args.parts):
        run(preparing(by_part["why"][:1], seeds[:1], out))
        trainings = running(multimix, seeds, out) + trainings
    run(trainings)
    last = evaluating(settings, seeds, out)
    last += analyzing(settings, seeds, out)
    if "multimix" in args.parts:
        last += adapting(multimix, seeds, out)
    if "distillation" in args.parts:
        last += distilling(multimix, seeds, out)
    run(last)
    swept = [setting for setting in settings if setting.layer]
    for stages in reporting(swept, seeds[0], out):
        run(stages)


def lay_out_real(run: Runner, args: argparse.Namespace) -> None:
    """The real sets and text as recipes read them."""
    out, raw = args.results_path, args.results_path / "real/raw"
    stages = [
        Stage(
            "real text", out / "real/text",
            python("examples/replicate/real_text.py", args.data, out / "real/text"),
            [], [out / "real/text/en.txt"], False,
        )
    ]  # fmt: skip
    for task, options in REAL_TASKS.items():
        if REAL_PARTS[task] not in args.parts:
            continue
        command = python(
            "examples/replicate/real_data.py", task, args.data, raw / task, *options
        )
        outputs = [raw / task / "train-en.tsv"]
        stages.append(Stage(f"real {task}", raw / task, command, [], outputs, False))
    run(stages)


def run_real(run: Runner, args: argparse.Namespace) -> None:
    """A mini XLM-R on real text, and all that is trained on real sets."""
    out, seeds = args.results_path, args.seeds
    raw, model = out / "real/raw", out / "real/xlmr"
    command = [
        "bash", str(ROOT / "examples/pretrain_mini.sh"), str(out / "real/text"),
        str(model), "--cpu", "--tlm-kind", "concatenated", "--max-tokens", "2048",
        "--updates", "2000",
    ]  # fmt: skip
    inputs = [out / "real/text/en.txt"]
    os.environ["OMP_NUM_THREADS"] = str(args.jobs)  # as it runs alone
    run([Stage("mini XLM-R", model, command, inputs, [model / "model.pt"])])
    os.environ["OMP_NUM_THREADS"] = "1"
    settings = [x for x in real_settings(out) if REAL_PARTS[x.task] in args.parts]
    stages = preparing(settings, seeds, out)
    trainings, last = training(settings, seeds, out), []
    if "multimix" in args.parts:
        multimix = real_setting(out)
        command = python(
            "preprocess/panx.py", raw / "panx", "--destdir", multimix.data,
            "--tokenizer", model / "sentencepiece.bpe.model",
            "--dict", model / "dict.txt",
        )  # fmt: skip
        inputs, outputs = [model / "model.pt"], [multimix.data / "manifest.json"]
        name, folder = "real panx: data", multimix.data
        stages.append(Stage(name, folder, command, inputs, outputs, False))
        trainings += running(multimix, seeds, out)
        last = adapting(multimix, seeds, out)
    run(stages)
    run(trainings)
    # Models that learned nothing have nothing to look at.
    learned = [x for x in settings if not unlearned(x, seeds, out)]
    run(evaluating(settings, seeds, out) + analyzing(learned, seeds, out) + last)
    for stages in reporting(learned, seeds[0], out):
        run(stages)


def check_options(args: argparse.Namespace) -> None:
    """Refuse what cannot be run, before anything is.

    Raises:
        UserError: an option is wrong.
    """
    if args.data and not args.data.is_dir():
        raise UserError(f"--data {args.data}: not a folder; give that of the real sets")
    for name in REAL_FILES if args.data else ():
        if not (args.data / name).is_file():
            raise UserError(
                f"--data {args.data}: no {name}; give the folder that real_data.py and "
                "real_text.py read"
            )
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: give 1 or more")
    if min(args.seeds) < 1 or len(set(args.seeds)) < len(args.seeds):
        raise UserError(
            f"--seeds {' '.join(map(str, args.seeds))}: give different ones from 1 on"
        )


def describe_runs(
    args: argparse.Namespace, run: Runner, real: Runner
) -> List[Dict[str, Any]]:
    """When and how this call measured what it did, as RESULTS.md tells it."""
    words = ["python examples/replicate/run.py"]
    if args.parts != PARTS:
        words += ["--parts", *args.parts]
    if args.seeds != SEEDS:
        words += ["--seeds", *map(str, args.seeds)]
    if args.data:
        words += ["--data", "DATA_DIR"]
    known = {"date": date.today().isoformat(), "command": " ".join(words)}
    found = [{"what": [f"made-up languages: {part}" for part in args.parts], **known}]
    if args.data:
        parts = [part for part in REAL_PARTS.values() if part in args.parts]
        found.append({"what": [f"real sets: {part}" for part in parts], **known})
    return [
        {**one, "commands": len(runner.manifests), "hours": round(runner.hours(), 1)}
        for one, runner in zip(found, (run, real))
        if one["what"]
    ]


def main() -> None:
    """Run what is not complete, and write the summary."""
    args = build_parser().parse_args()
    quiet_logging()
    args.results_path = args.results_path.resolve()
    # Small models are fastest on one thread each, side by side.
    os.environ.update(OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore", XLING_BIN=str(BIN))
    check_options(args)
    args.data = args.data and args.data.resolve()
    run, real = Runner(args.jobs), Runner(args.jobs)
    with only_one_run(args.results_path):
        if args.data:  # first, to see that all is there
            lay_out_real(real, args)
        run_demo(run, args)
        if args.data:
            run_real(real, args)
        found = measure(args.parts, bool(args.data), args.seeds, args.results_path)
        update_results(args.summary, found, describe_runs(args, run, real))
    logging.getLogger(__name__).info(f"written to {args.summary}")


if __name__ == "__main__":
    main()
