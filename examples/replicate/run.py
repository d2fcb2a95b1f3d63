"""The claims of both papers, measured in miniature with several seeds: one command.

    python examples/replicate/run.py [--results-path replication] [--data DATA_DIR]
    python examples/replicate/run.py --data DATA_DIR --model MODEL --translate ENGINE

Trains and evaluates everything that the claims are about on the made-up languages of
the demo and, given ``--data``, on real sets; then writes ``RESULTS.md``. With
``--model``, it is real sets alone, on which that encoder is fine-tuned, with
translations of the engine. Started again, it goes on where it was.
"""

import argparse
import json
import logging
import os
from datetime import date
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Set

from encoder_plan import PARTS as TASK_PARTS
from encoder_plan import (
    WAVES,
    encoder_settings,
    giving_a_head,
    laying_out,
    laying_out_entities,
    laying_out_human,
)
from evaluation_plan import (
    analyzing,
    comparing_languages,
    evaluating,
    looking_at_ratios,
    reporting,
)
from evidence import unlearned
from measured import measure
from multimix_plan import (
    adapting,
    demo_setting,
    distilling,
    multimix_with_encoder,
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
    parser.add_argument("--model", help="real encoder: what the recipes' --model takes")
    parser.add_argument(
        "--translate", metavar="ENGINE",
        help="with --model: what preprocess/translate.py --engine takes",
    )  # fmt: skip
    parser.add_argument(
        "--blank-lines", action="store_true", help="of preprocess/translate.py"
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

    def alone(self, stages: Sequence[Stage]) -> None:
        """Run what has all cores to itself."""
        os.environ["OMP_NUM_THREADS"] = str(self.jobs)
        self(stages)
        os.environ["OMP_NUM_THREADS"] = "1"

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
    run.alone([Stage("mini XLM-R", model, command, inputs, [model / "model.pt"])])
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


def run_encoder(run: Runner, args: argparse.Namespace, tell: Callable) -> None:
    """All that is trained with a real encoder.

    Args:
        tell: called where there is something new to tell.
    """
    out, seeds = args.results_path, args.seeds
    settings = [x for x in encoder_settings(out) if TASK_PARTS[x.task] in args.parts]
    for stages in laying_out(args, [x.task for x in settings]):
        run(stages)
    for wave in WAVES:
        for setting in settings:
            run(preparing([setting], seeds, out))
            run(training([setting], seeds, out, wave))
            run(evaluating([setting], seeds, out, set(wave) & {"xmixup"}))
            tell()
            if wave == WAVES[0] and setting.has_human:
                for stages in laying_out_human(args):
                    run(stages)
                run(comparing_languages(setting, seeds, out))
                run(looking_at_ratios(setting, seeds[0], out))
    if "multimix" in args.parts:
        run_multimix(run, args, tell)
    run(analyzing(settings, seeds, out))
    tell()
    for stages in reporting(settings, seeds[0], out):
        run(stages)


def run_multimix(run: Runner, args: argparse.Namespace, tell: Callable) -> None:
    """MultiMix with a real encoder, one setting after the other.

    Args:
        tell: called where there is something new to tell.
    """
    out, seeds = args.results_path, args.seeds
    for stages in giving_a_head(args):
        run.alone(stages)
    for stages in laying_out_entities(args):
        run(stages)
    for setting in multimix_with_encoder(out, seeds[0]):
        if setting.task == "multimix_xnli":
            for stages in laying_out(args, ["xnli"]):
                run(stages)
            run(preparing(encoder_settings(out)[:1], seeds[:1], out))
        for stages in (running, adapting):
            run(stages(setting, seeds, out))
        tell()


def check_options(args: argparse.Namespace) -> None:
    """Refuse what cannot be run, before anything is.

    Raises:
        UserError: an option is wrong.
    """
    if args.data and not args.data.is_dir():
        raise UserError(f"--data {args.data}: not a folder; give that of the real sets")
    if (args.model is None) != (args.translate is None):
        raise UserError("--model and --translate: give both or none")
    if args.model and not args.data:
        raise UserError("--model: fine-tuned on real sets; give their folder, --data")
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
    args: argparse.Namespace, runners: Dict[str, Runner]
) -> List[Dict[str, Any]]:
    """When and how this call measured what it did, as RESULTS.md tells it.

    Args:
        args: the command line.
        runners: what ran the commands, by kind of data and model.
    """
    words = ["python examples/replicate/run.py"]
    if args.parts != PARTS:
        words += ["--parts", *args.parts]
    if args.seeds != SEEDS:
        words += ["--seeds", *map(str, args.seeds)]
    if args.data:
        words += ["--data", "DATA_DIR"]
    if args.model:
        words += ["--model", Path(args.model).name, "--translate", repr(args.translate)]
        words += ["--blank-lines"] if args.blank_lines else []
    known = {"date": date.today().isoformat(), "command": " ".join(words)}
    parts = {
        "made-up": ("made-up languages", PARTS),
        "real": ("real sets", REAL_PARTS.values()),
        "encoder": ("real encoder", [*dict.fromkeys(TASK_PARTS.values()), "multimix"]),
    }
    found = []
    for kind, run in runners.items():
        name, theirs = parts[kind]
        what = [f"{name}: {part}" for part in theirs if part in args.parts]
        counts = {"commands": len(run.manifests), "hours": round(run.hours(), 1)}
        found.append({"what": what, **known, **counts})
    return [one for one in found if one["what"]]


def main() -> None:
    """Run what is not complete, and write the summary."""
    args = build_parser().parse_args()
    quiet_logging()
    args.results_path = args.results_path.resolve()
    # Models are trained fastest on one thread each, side by side.
    os.environ.update(OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore", XLING_BIN=str(BIN))
    check_options(args)
    args.data = args.data and args.data.resolve()
    if args.model and Path(args.model).exists():
        args.model = str(Path(args.model).resolve())
    kinds = ["encoder"] if args.model else ["made-up", *(["real"] if args.data else [])]
    runners = {kind: Runner(args.jobs) for kind in kinds}

    def tell() -> None:
        found = measure(args.parts, kinds, args.seeds, args.results_path)
        update_results(args.summary, found, describe_runs(args, runners))

    with only_one_run(args.results_path):
        if args.model:
            run_encoder(runners["encoder"], args, tell)
        if "real" in kinds:  # first, to see that all is there
            lay_out_real(runners["real"], args)
        if "made-up" in kinds:
            run_demo(runners["made-up"], args)
        if "real" in kinds:
            run_real(runners["real"], args)
        tell()
    logging.getLogger(__name__).info(f"written to {args.summary}")


if __name__ == "__main__":
    main()
