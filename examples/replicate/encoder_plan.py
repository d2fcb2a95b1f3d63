r"""A real encoder on real text with machine translations, as settings and stages.

Rows are short and each training has 400 updates. Its learning rate is that of the best
dev score of translate-train on sentence pairs, with another seed, which was found
before X-Mixup was trained:

    bash examples/sweep.sh xnli OUT/encoder/raw/xnli OUT/sweep --seed 1 --cpu \
        --model OUT/encoder/model --method translate-train --alphas 0.5 \
        --lrs "5e-5 1e-4" -- SHARED --batch-size 32 SCHEDULE

where ``SHARED`` and ``SCHEDULE`` are those below.
"""

from pathlib import Path
from typing import Any, Dict, List

from english_data import LAY_OUT, TARGET, UNSEEN
from evaluation_plan import HUMAN, human_data
from plan import ABLATIONS, ROOT, Setting, python

from fairseq_xling.stages import Stage

# What a training has beside the recipe's own options. Optimizer states would fill the
# disk; a training that is killed begins again.
SHARED = """--update-freq 1 --max-epoch 0 --num-workers 0 --log-interval 25
    --no-save-optimizer-state --scheduled-sampling-midpoint 0.5"""
SCHEDULE = """--warmup-updates 40 --max-update 400 --total-num-update 400
    --validate-interval-updates 200 --save-interval-updates 200"""
RATE = "1e-4"
# Rows of each language whose states and ratios are looked at.
ANALYSED_ROWS = 400
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
# MultiMix's sets of named entities by language, and the updates that give the encoder
# a head.
XNER = {"xner-es": TARGET, "xner-sw": "sw"}
LM_UPDATES = 600
# Which trainings come first: those that tell most.
WAVES = [
    ["zero-shot", "translate-train", "xmixup"],
    ["constant-ratio", "no-mixup", "no-consistency", "no-mse", "normalised"],
    ["layer-6", "layer-12"],
]


def encoder_settings(out: Path) -> List[Setting]:
    """What is compared, the most telling first."""
    pairs = Setting(
        "encoder-xnli", "xnli", out / "encoder/raw/xnli", out / "encoder/model",
        f"--lr {RATE} --batch-size 32 {SCHEDULE}",
        [*WAVES[0], "no-mixup", "constant-ratio", "no-consistency"],
        layer=1, layers=12, title=TITLES["xnli"], swept=[1, 6, 12], has_human=True,
        variants={"normalised": ["--ratio-entropy", "normalised"]},
        shared=SHARED, arch="xmixup_xlmr", targets=[TARGET], unseen=UNSEEN["xnli"],
        leftovers=["checkpoint_last.pt"], analysed_rows=ANALYSED_ROWS,
    )  # fmt: skip
    found = [pairs]
    for task, rows in (("udpos", 32), ("panx", 32), ("xquad", 8)):
        one = pairs._replace(
            name=f"encoder-{task}", task=task, raw=out / f"encoder/raw/{task}",
            options=f"--lr {RATE} --batch-size {rows} {SCHEDULE}", layer=0, swept=[],
            has_human=False,
            methods=[*WAVES[0], *(x for x in ABLATIONS if "sampling" not in x)],
            title=TITLES[task], unseen=UNSEEN[task], variants={},
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


def laying_out_human(args: Any) -> List[List[Stage]]:
    """XNLI's rows in many languages as people translated them, binarized.

    Args:
        args: of run.py.
    """
    name, out = f"xnli-{HUMAN}", args.results_path
    raw, data, model = (
        out / "encoder/raw" / name,
        human_data(out),
        out / "encoder/model",
    )
    writing = python("examples/replicate/english_data.py", name, args.data, raw)
    binarizing = python("preprocess/xnli.py", raw, "--destdir", data, "--model", model)
    done, inputs = raw / f"test-{TARGET}.tsv", [model / "model.pt"]
    return [
        [Stage(f"{name}: text", raw, writing, [], [done], False)],
        [Stage(f"{name}: data", data, binarizing, [*inputs, done],
               [data / "manifest.json"], False)],
    ]  # fmt: skip


def giving_a_head(args: Any) -> List[List[Stage]]:
    """The encoder with a head for masked tokens, as MultiMix's generator has it.

    Args:
        args: of run.py.
    """
    text, lm = (args.results_path / "encoder" / x for x in ("text", "lm"))
    model = args.results_path / "encoder/model"
    languages = ["--languages", "en", *XNER.values()]
    writing = python("examples/replicate/real_text.py", args.data, text, *languages)
    command = [
        "bash", str(ROOT / "examples/pretrain_mini.sh"), str(text), str(lm),
        "--from", str(model), "--cpu", "--updates", str(LM_UPDATES),
        "--max-tokens", "1024", "--", "--max-valid-steps", "10", "--num-workers", "0",
    ]  # fmt: skip
    done, inputs = text / "en.txt", [model / "model.pt", text / "en.txt"]
    return [
        [Stage("text to pre-train on", text, writing, [], [done], False)],
        [Stage("head for masked tokens", lm, command, inputs, [lm / "model.pt"])],
    ]


def laying_out_entities(args: Any) -> List[List[Stage]]:
    """MultiMix's named entities, binarized.

    Args:
        args: of run.py.
    """
    folder, first, last = args.results_path / "encoder", [], []
    for name in XNER:
        raw, data = folder / "raw" / name, folder / f"{name}-bin"
        command = python("examples/replicate/english_data.py", name, args.data, raw)
        done = raw / "train-en.tsv"
        first.append(Stage(f"{name}: text", raw, command, [], [done], False))
        command = python(
            "preprocess/panx.py", raw, "--destdir", data, "--model", folder / "model"
        )
        inputs, outputs = [folder / "model/model.pt"], [data / "manifest.json"]
        last.append(Stage(f"{name}: data", data, command, inputs, outputs, False))
    return [first, last]


assert {*PARTS, *XNER, f"xnli-{HUMAN}"} == set(LAY_OUT)
