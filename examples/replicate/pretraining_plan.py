"""The made-up languages and the mini XLM-Rs that everything starts from, as stages."""

from pathlib import Path
from typing import List, Sequence

from plan import PRETRAININGS, ROOT, python, tool

from fairseq_xling.stages import Stage

# The text that mini XLM-Rs are trained on, one for questions and passages, and updates.
MINIS = {"mini-xlmr-qa": ("monolingual-qa", 1300), "mini-xlmr": ("monolingual", 1000)}


def languages(out: Path) -> List[Stage]:
    """The made-up languages, as in the demo, and with more or better translations."""
    stages = []
    few = ["--translated-rows", "60"]
    for name, options in (
        ("raw", [*few, "--pair-noise", "0.6"]),
        ("raw-faithful", [*few, "--lines", "100"]),
        ("raw-plenty", ["--lines", "100"]),
    ):
        folder = out / name
        command = python("preprocess/demo_languages.py", folder, *options)
        outputs = [folder / "xnli/train-en.tsv"]
        stages.append(Stage(f"languages: {name}", folder, command, [], outputs, False))
    return stages


def tokenizing(out: Path, minis: Sequence[str]) -> List[Stage]:
    """Tokenizers, and the text to pre-train on.

    Args:
        out: folder of all runs.
        minis: which of ``MINIS`` are wanted.
    """
    stages = []
    for name in minis:
        text, _ = MINIS[name]
        raw, folder = out / "raw" / text, out / name
        command = python(
            "preprocess/monolingual.py", raw, "--vocabulary", 1000, "--destdir", folder
        )
        inputs, outputs = [raw / "train.en.txt"], [folder / "dict.txt"]
        stages.append(Stage(f"{name}: text", folder, command, inputs, outputs, False))
    return stages


def train(task: str, data: Path, folder: Path, *options: str) -> List[str]:
    """A call of fairseq-train that pre-trains a mini XLM-R."""
    return [
        tool("fairseq-train"), str(data), f"--user-dir={ROOT / 'fairseq_xling'}",
        f"--task={task}", f"--criterion={task}", "--arch=xmixup_xlmr_mini",
        "--max-positions=126", "--sample-break-mode=eos", "--dropout=0",
        "--attention-dropout=0", "--optimizer=adamw_fused", "--adam-betas=(0.9, 0.98)",
        "--clip-norm=1.0", "--lr-scheduler=polynomial_decay", "--batch-size=32",
        "--num-workers=0", "--cpu", "--disable-validation", "--no-epoch-checkpoints",
        "--save-interval-updates=200", "--keep-interval-updates=1",
        "--log-format=simple", "--log-interval=50", f"--save-dir={folder}", *options,
    ]  # fmt: skip


def pretraining(out: Path, minis: Sequence[str]) -> List[Stage]:
    """The mini XLM-Rs; arguments as of :func:`tokenizing`."""
    stages = []
    for name in minis:
        _, updates = MINIS[name]
        folder = out / name / "checkpoints"
        command = train(
            "masked_lm", out / name / "bin", folder, "--tokens-per-sample=126",
            "--mask-prob=0.25", "--random-token-prob=0.25",
            "--leave-unmasked-prob=0.25", "--lr=1e-3", "--warmup-updates=200",
            f"--total-num-update={updates}", f"--max-update={updates}", "--seed=1",
        )  # fmt: skip
        inputs = [out / name / "dict.txt"]
        outputs = [folder / "checkpoint_last.pt"]
        stages.append(Stage(f"{name}: training", folder, command, inputs, outputs))
    return stages


def parallel_text(out: Path) -> List[List[Stage]]:
    """Sentences and their translations, to go on pre-training with."""
    raw, text, data = (
        out / x for x in ("raw-plenty/xnli", "pretrained/text", "pretrained/bin")
    )
    mini = out / "mini-xlmr"
    script = "examples/replicate/parallel_text.py"
    names = [text / "train.en-qaa.en.txt"]
    inputs = [raw / "train-en.tsv"]
    command = python(script, raw, text)
    making = Stage("parallel text", text, command, inputs, names, False)
    command = python(
        "preprocess/parallel.py", text, "--destdir", data,
        "--tokenizer", mini / "sentencepiece.bpe.model", "--dict", mini / "dict.txt",
    )  # fmt: skip
    outputs = [data / "manifest.json"]
    return [
        [making],
        [Stage("parallel text: data", data, command, names, outputs, False)],
    ]


def pretraining_on_pairs(out: Path, seeds: Sequence[int]) -> List[List[Stage]]:
    """The mini XLM-R trained on, with its text and parallel text (section 7).

    Both kinds read the same tokens with the same masks in each update; a third model
    has as many updates with text alone.
    """
    mini, data = out / "mini-xlmr", out / "pretrained/bin"
    trainings, files = [], []
    for kind in PRETRAININGS:
        for seed in seeds:
            folder = out / "pretrained" / kind / str(seed)
            task = ("xmixup_tlm", data, folder / "checkpoints")
            options = [f"--tlm-kind={kind}", f"--monolingual={mini / 'bin'}"]
            if kind == "monolingual":
                task = ("masked_lm", mini / "bin", folder / "checkpoints")
                options = ["--tokens-per-sample=126"]
            command = train(
                *task, *options, "--lr=5e-4", "--warmup-updates=50",
                "--total-num-update=500", "--max-update=500", f"--seed={seed}",
                f"--finetune-from-model={mini / 'model.pt'}",
            )  # fmt: skip
            title = f"pre-training by {PRETRAININGS[kind]}, seed {seed}"
            inputs = [data / "manifest.json", mini / "model.pt"]
            last = folder / "checkpoints/checkpoint_last.pt"
            checkpoints = folder / "checkpoints"
            trainings.append(Stage(title, checkpoints, command, inputs, [last]))
            for source, target in (
                (last, "model.pt"),
                (mini / "dict.txt", "dict.txt"),
                (mini / "sentencepiece.bpe.model", "sentencepiece.bpe.model"),
            ):
                files.append(copying(source, folder / target))
    return [trainings, files]


def copying(source: Path, target: Path) -> Stage:
    """A copy of a file."""
    folder = target.with_name(f"{target.name}.copied")
    name = "/".join(target.parts[-3:])
    command = ["cp", str(source), str(target)]
    return Stage(name, folder, command, [source], [target])


def model_files(out: Path, minis: Sequence[str]) -> List[Stage]:
    """The pre-trained models where recipes look for them; as :func:`tokenizing`."""
    return [
        copying(out / name / "checkpoints/checkpoint_last.pt", out / name / "model.pt")
        for name in minis
    ]
