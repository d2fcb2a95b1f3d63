"""xling-multimix: MultiMix from labelled source data to three adapted models.

    xling-multimix data-bin/panx --task multimix_xner --target-lang es \
        --pretrained xlmr.large/model.pt --results-path multimix-es

Warm-up, generation of virtual samples, and three epochs of distillation, agreement and
training (Algorithm 1), each a command of its own whose output is kept. Started again,
it goes on where it was; stages that are complete are skipped. Each training takes one
GPU; --jobs gives several at once one each.
"""

import argparse
import logging
import shlex
from pathlib import Path
from typing import List

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.errors import UserError
from fairseq_xling.interop.model_folder import find_model
from fairseq_xling.multimix.algorithm import EPOCHS, MODELS, SCHEDULES
from fairseq_xling.multimix.co_teaching import Plan
from fairseq_xling.multimix.recipe import RECIPES
from fairseq_xling.multimix.run import check_data, run_algorithm
from fairseq_xling.option_values import check_number
from fairseq_xling.precision import DTYPES

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-multimix``."""
    parser = new_parser(__doc__)
    parser.add_argument("data", help="binarized data: labelled source, target text")
    parser.add_argument("--task", required=True, choices=RECIPES)
    parser.add_argument("--target-lang", required=True)
    parser.add_argument(
        "--target-split",
        help="split with the target's training text, whose labels are not read "
        "(default: train, or supervised where there is none; for XNER the reverse)",
    )
    parser.add_argument(
        "--pretrained",
        required=True,
        help="model that the task models start from: its checkpoint or folder, of "
        "fairseq's or Hugging Face's form, or a name such as xlmr.large",
    )
    parser.add_argument(
        "--lm-path", help="model that generates (default: --pretrained)"
    )
    parser.add_argument(
        "--lm-data",
        help="the same data preprocessed for --lm-path, where that has another "
        "tokenizer: an XLM-R may generate for mBERTs",
    )
    parser.add_argument("--results-path", required=True, help="folder to write")
    parser.add_argument(
        "--arch",
        default="xmixup_xlmr",
        help="(default: %(default)s, which is of the checkpoint's shape)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first model")
    parser.add_argument(
        "--train-percentage",
        type=float,
        default=100.0,
        help="train on a share of the source and another, not parallel, of the target "
        "(XNLI-5%%: 5)",
    )
    parser.add_argument(
        "--target-sample",
        choices=["each", "shared"],
        help="with a --train-percentage below 100: a sample of the target for each "
        "model, as in the paper, or one that all share (default: each)",
    )
    parser.add_argument("--epochs", type=int, choices=range(EPOCHS + 1), default=EPOCHS)
    parser.add_argument("--jobs", type=int, default=1, help="commands side by side")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    parser.add_argument(
        "--precision",
        choices=DTYPES,
        default="fp32",
        help="of training, distillation, generation and evaluation; the paper's is "
        "fp32, and half precision is faster on a GPU (default: %(default)s)",
    )
    parser.add_argument(
        "--warmup-path", nargs=len(MODELS), metavar="PATH", help="warmed-up models"
    )
    parser.add_argument(
        "--select-on",
        choices=["target", "source"],
        default="target",
        help="language of the dev set that adapted models are selected on",
    )
    parser.add_argument(
        "--distill-factor",
        metavar="ETA[,ETA...]",
        help="percentage of each epoch (default: 80,100,100 XNER; 50,80,100 XNLI)",
    )
    parser.add_argument(
        "--co-teaching",
        choices=SCHEDULES,
        default=SCHEDULES[0],
        help="sequential: Algorithm 1 as printed, six trainings an epoch, one after "
        "the other, for every ordered pair of models the third on what these two agree "
        "on as they stand by then; simultaneous: Figure 1, three trainings on labels "
        "of the epoch's beginning, which --jobs runs side by side (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--no-agreement",
        action="store_true",
        help="ask one peer only: the first of the pair, or the next model",
    )
    parser.add_argument("--sampling-factor", type=float, default=0.7)
    parser.add_argument(
        "--x-mixup", action="store_true", help="adapt X-Mixup models, on pairs"
    )
    parser.add_argument(
        "--charts",
        action="store_true",
        help="warm up a model without penalty, too, and draw appendix B's figures",
    )
    for name, command in (
        ("distill", "xling-distill"),
        ("augment", "fairseq-generate --task multimix_augment"),
        ("train", "fairseq-train"),
        ("warmup", "fairseq-train in warm-up"),
        ("adaptation", "fairseq-train in adaptation"),
    ):
        parser.add_argument(
            f"--{name}-options",
            default="",
            metavar="'...'",
            help=f"further options of {command}, in quotes",
        )
    return parser


def main(args: argparse.Namespace) -> None:
    """Run Algorithm 1."""
    plan = make_plan(args)
    shares = (1,) if args.target_sample == "shared" else MODELS
    table = run_algorithm(
        plan, args.jobs, args.epochs, args.charts, args.train_percentage, shares
    )
    logger.info(table)


def make_plan(args: argparse.Namespace) -> Plan:
    """Check the options and plan the run."""
    source_lang, target_split = check_data(
        args.data, args.task, args.target_lang, args.target_split, args.lm_data
    )
    if not 0 < args.train_percentage <= 100:
        raise UserError(
            f"--train-percentage {args.train_percentage:g}: give a value above 0, at "
            "most 100"
        )
    check_number("--sampling-factor", args.sampling_factor)
    if args.target_sample is not None and args.train_percentage == 100:
        raise UserError(
            f"--target-sample {args.target_sample}: give a --train-percentage below 100"
        )
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: give 1 or more")
    pretrained = find_model(args.pretrained, args.data, "--pretrained")
    lm = pretrained
    if args.lm_path is not None:
        lm = find_model(args.lm_path, args.data, "--lm-path")
    warm = [find_checkpoint_file(x, "--warmup-path") for x in args.warmup_path or []]
    if args.cpu and args.precision == "fp16":
        raise UserError("--precision fp16: needs a GPU; leave out --cpu, or give bf16")
    device = ["--cpu"] if args.cpu else []
    if args.precision != "fp32":
        device.append(f"--{args.precision}")
    factors = RECIPES[args.task].distill_factors
    if args.distill_factor is not None:
        factors = read_factors(args.distill_factor)
    plan = Plan(
        data=Path(args.data),
        task=args.task,
        arch=args.arch,
        pretrained=Path(pretrained),
        lm=Path(lm),
        source_lang=source_lang,
        target_lang=args.target_lang,
        target_split=target_split,
        folder=Path(args.results_path),
        seed=args.seed,
        selected_on=source_lang if args.select_on == "source" else args.target_lang,
        warm=[Path(path) for path in warm],
        distill_factors=factors,
        distill_options=shlex.split(args.distill_options),
        augment_options=shlex.split(args.augment_options),
        train_options=shlex.split(args.train_options),
        warm_up_options=shlex.split(args.warmup_options),
        adaptation_options=shlex.split(args.adaptation_options),
        sampling_factor=args.sampling_factor,
        agreement=not args.no_agreement,
        schedule=args.co_teaching,
        mixup=args.x_mixup,
        device_options=device,
        lm_data=Path(args.lm_data) if args.lm_data else None,
    )
    plan.check_trainings()
    return plan


def read_factors(text: str) -> List[float]:
    """Read eta of each epoch."""
    try:
        factors = [float(word) for word in text.split(",")]
    except ValueError:
        factors = []
    if len(factors) != EPOCHS or not all(0 < x <= 100 for x in factors):
        raise UserError(
            f"--distill-factor {text}: give {EPOCHS} percentages above 0, at most "
            "100, with commas between them, one an epoch"
        )
    return factors


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
