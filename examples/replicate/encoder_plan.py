r"""A real encoder on real text with machine translations, as settings and stages.

Rows are short and trainings few hundred updates. The learning rate is to be confirmed
by the dev scores of translate-train with another seed, before X-Mixup is trained:

    bash examples/sweep.sh xnli OUT/encoder/raw/xnli OUT/sweep --seed 1 --cpu \
        --model OUT/encoder/model --method translate-train --alphas 0.5 \
        --lrs "3e-5 5e-5 1e-4" -- --batch-size 32 --update-freq 1 --max-update 600
"""

from pathlib import Path
from typing import Any, Dict, List

from english_data import LAY_OUT, TARGET, UNSEEN
from plan import ABLATIONS, Setting, python

from fairseq_xling.stages import Stage

# What a training has beside the recipe's own options. Optimizer states would fill the
# disk; a training that is killed begins again.
SHARED = """--batch-size 32 --update-freq 1 --max-epoch 0 --num-workers 0
    --log-interval 25 --no-save-optimizer-state --scheduled-sampling-midpoint 0.5"""
# The parts of run.py that each task belongs to.
PARTS: Dict[str, str] = {
    "xnli": "pairs", "udpos": "tagging", "panx": "tagging", "xquad": "qa",
}  # fmt: skip
TITLES = {
    "xnli": "XNLI, real encoder",
    "udpos": "parts of speech, real encoder",
    "panx": "named entities, real encoder",
    "xquad": "questions, real encoder",
}
# Which trainings come first: those that tell most.
WAVES = [
    ["zero-shot", "translate-train", "xmixup"],
    ["constant-ratio", "no-mixup", "no-consistency", "no-mse", "normalised"],
    ["layer-6", "layer-12"],
]


def schedule(updates: int, every: int, rate: str) -> str:
    """Options of a training of so many updates, validated after every so many."""
    return (
        f"--lr {rate} --warmup-updates {updates // 10} --max-update {updates} "
        f"--total-num-update {updates} --validate-interval-updates {every} "
        f"--save-interval-updates {every}"
    )


def encoder_settings(out: Path) -> List[Setting]:
    """What is compared, the most telling first."""
    pairs = Setting(
        "encoder-xnli", "xnli", out / "encoder/raw/xnli", out / "encoder/model",
        schedule(600, 150, "5e-5"),
        [*WAVES[0], "no-mixup", "constant-ratio", "no-consistency"],
        layer=1, layers=12, title=TITLES["xnli"], swept=[1, 6, 12],
        variants={"normalised": ["--ratio-entropy", "normalised"]},
        shared=SHARED, arch="xmixup_xlmr", targets=[TARGET], unseen=UNSEEN["xnli"],
        leftovers=["checkpoint_last.pt"],
    )  # fmt: skip
    found = [pairs]
    for task, options in (
        ("udpos", schedule(300, 100, "5e-5")),
        ("panx", schedule(300, 100, "5e-5")),
        ("xquad", schedule(400, 200, "5e-5") + " --batch-size 16"),
    ):
        one = pairs._replace(
            name=f"encoder-{task}", task=task, raw=out / f"encoder/raw/{task}",
            options=options, layer=0, swept=[], title=TITLES[task],
            methods=[*WAVES[0], *(x for x in ABLATIONS if "sampling" not in x)],
            unseen=UNSEEN[task], variants={},
        )  # fmt: skip
        found.append(one)
    return found


def laying_out(args: Any, tasks: List[str]) -> List[List[Stage]]:
    """The encoder as fairseq reads it, and the raw folders with their translations.

    Args:
        args: of run.py.
        tasks: whose folders.
    """
    folder = args.results_path / "encoder"
    model, engine = folder / "model", ["--to", TARGET, "--engine", args.translate]
    engine += ["--blank-lines"] if args.blank_lines else []
    command = python("examples/replicate/encoder.py", args.model, model)
    first = [Stage("encoder", model, command, [], [model / "model.pt"], False)]
    last = []
    for task in tasks:
        raw = folder / "raw" / task
        name = "squad/train-v1.1.json" if task == "xquad" else "train-en.tsv"
        command = python("examples/replicate/english_data.py", task, args.data, raw)
        first.append(Stage(f"{task}: text", raw, command, [], [raw / name], False))
        command = python("preprocess/translate.py", raw, "--task", task, *engine)
        done = raw / "translations.json"
        translated = folder / "translated" / task
        last.append(Stage(f"{task}: translations", translated, command, [], [done]))
    return [first, last]


assert set(PARTS) == set(LAY_OUT)
