"""What is trained and compared, as stages that are skipped where they are complete."""

import shlex
import sys
from pathlib import Path
from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

from fairseq_xling.stages import Stage

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SHARED = """--max-positions 126 --adam-betas '(0.9, 0.98)' --update-freq 1 --max-epoch 0
    --num-workers 0 --dropout 0 --attention-dropout 0 --pooler-dropout 0
    --validate-interval-updates 200 --save-interval-updates 200"""
# The methods of X-Mixup's Tables 3, 5 and 9, as the recipes name them.
BASELINES = ["zero-shot", "translate-train", "supervised", "xmixup"]
ABLATIONS = ["no-mixup", "no-scheduled-sampling", "constant-ratio", "no-mse"]
PAIR_ABLATIONS = ["no-kl", "no-consistency"]
METHODS = [*BASELINES, *ABLATIONS, *PAIR_ABLATIONS]
# Tasks whose translations are labelled by the zero-shot model.
PSEUDO_LABELLED = ("udpos", "panx")
# What "why" settings compare.
RIVALS = ["translate-train", "xmixup"]
# What the mini XLM-R is trained on with, by its names in commands and in tables.
PRETRAININGS = {"mixup": "X-Mixup", "concatenated": "TLM", "monolingual": "text alone"}
PARTS = [
    "pairs", "multimix", "distillation", "tagging", "why", "pretraining", "qa",
    "grouping",
]  # fmt: skip
# The real tasks, and the part that each belongs to.
REAL_PARTS = {"udpos": "tagging", "xnli": "pairs", "panx": "multimix"}
DEMO_LANGUAGES = ["qaa", "qab", "qac", "qad", "qae"]


class Setting(NamedTuple):
    """Data and hyper-parameters in which methods are compared.

    Attributes:
        name: of its folders.
        task: the recipe's.
        raw: the raw folder.
        model: folder of the pre-trained model.
        options: of ``fairseq-train``, beside the shared ones.
        methods: what is compared.
        layer: that mixes by default; 0 for no sweep over the others.
        layers: of the encoder.
        title: what sets it apart, in the tables.
        seen: languages to train on for X-Mixup's Table 6; empty for none.
        by_seed: whether the folder holds a pre-trained model for each seed.
        shared: options of ``fairseq-train`` that settings of a kind have in common.
        arch: the recipe's.
        swept: layers to mix in, of those that are compared; empty for all.
        variants: trainings of X-Mixup with options of their own, by name.
        targets: languages whose mean is a training's score; empty for all.
        unseen: test languages that nothing is translated to.
        leftovers: files of a training that go when it is complete; it begins again if
            it is killed.
        analysed_rows: of each language, whose states are looked at; 0 for all.
        has_human: whether languages are compared on human translations.
    """

    name: str
    task: str
    raw: Path
    model: Path
    options: str
    methods: Sequence[str]
    layer: int = 0
    layers: int = 4
    title: str = ""
    seen: str = ""
    by_seed: bool = False
    shared: str = SHARED
    arch: str = "xmixup_xlmr_mini"
    swept: Sequence[int] = ()
    variants: Mapping[str, List[str]] = {}
    targets: Sequence[str] = ()
    unseen: Sequence[str] = ()
    leftovers: Sequence[str] = ()
    analysed_rows: int = 0
    has_human: bool = False

    @property
    def analysed(self) -> bool:
        """Whether states of the models are looked at."""
        return bool(self.layer) or self.by_seed or self.is_real

    @property
    def is_real(self) -> bool:
        """Whether the data are real sets."""
        return self.name.startswith(("real", "encoder"))

    def model_of(self, seed: int) -> Path:
        """The folder of the pre-trained model that trainings with a seed start from."""
        return self.model / str(seed) if self.by_seed else self.model

    @property
    def sweep(self) -> List[str]:
        """The trainings that mix in a layer each, the first layer's first; or none."""
        layers = self.swept or (range(1, self.layers + 1) if self.layer else ())
        return ["xmixup" if x == self.layer else f"layer-{x}" for x in layers]

    @property
    def runs(self) -> Dict[str, List[str]]:
        """Further options of each training, by its name."""
        runs: Dict[str, List[str]] = {method: [] for method in self.methods}
        for run in self.sweep:
            if run != "xmixup":
                runs[run] = ["--mixup-layer", run.replace("layer-", "")]
        runs.update(self.variants)
        for method in RIVALS if self.seen else ():
            runs[f"{method}-seen"] = ["--target-langs", self.seen]
        return runs


def method_of(run: str) -> str:
    """The recipe's method of a training."""
    run = run.replace("-seen", "")
    return run if run in METHODS else "xmixup"


def alone(run: str) -> str:
    """The evaluation of a training by mixup without mixup inference."""
    return "no-mixup-inference" if run == "xmixup" else f"{run}-no-mixup-inference"


def on_all(run: str) -> str:
    """The evaluation in all languages of a training that saw some of them."""
    return f"{run}-on-all"


def demo_settings(out: Path) -> Dict[str, List[Setting]]:
    """The settings on made-up languages, by part."""
    mini, mini_qa = out / "mini-xlmr", out / "mini-xlmr-qa"
    options = "--lr 3e-4 --warmup-updates 60 --batch-size 32 "
    length = "--total-num-update 400 --max-update 400 "
    midpoint = "--scheduled-sampling-midpoint 0.5"
    few = Setting(
        "few", "xnli", out / "raw/xnli", mini, options + length + midpoint,
        BASELINES + ABLATIONS + PAIR_ABLATIONS, layer=1, title="sentence pairs",
        seen="qaa,qab,qad",
    )  # fmt: skip
    tagging = few._replace(
        name="tagging", task="udpos", raw=out / "raw/udpos", seen="", layer=4,
        methods=BASELINES + ABLATIONS, title="tagging",
    )  # fmt: skip
    questions = Setting(
        "qa", "xquad", out / "raw/qa", mini_qa,
        "--lr 1e-3 --warmup-updates 60 --batch-size 16 --total-num-update 700 "
        "--max-update 700 --validate-interval-updates 350 " + midpoint,
        BASELINES + ABLATIONS, layer=2, title="question answering",
    )  # fmt: skip
    # Zero-shot and supervised do not depend on translations.
    other = few._replace(layer=0, seen="", methods=RIVALS)
    plenty = other._replace(
        name="pairs", raw=out / "raw-plenty/xnli",
        title="sentence pairs, 4,000 translations, error rate 0.1",
    )  # fmt: skip
    why = [
        plenty,
        other._replace(
            name="few-faithful", raw=out / "raw-faithful/xnli",
            title="sentence pairs, 60 translations, error rate 0.1",
        ),
        other._replace(
            name="few-slow", options=few.options + " --lr 1e-4",
            title="sentence pairs, learning rate 1e-4 instead of 3e-4",
        ),
        other._replace(
            name="few-ratio", methods=["xmixup"],
            options=few.options + " --mixup-ratio-lr-scale 100",
            title="sentence pairs, W and b learned 100 times as fast",
        ),
    ]  # fmt: skip
    pretraining = [
        plenty._replace(
            name=f"pretrained-{kind}", model=out / f"pretrained/{kind}", by_seed=True,
            methods=["zero-shot"], title=f"sentence pairs, pre-trained by {title}",
        )
        for kind, title in PRETRAININGS.items()
    ]  # fmt: skip
    grouping = plenty._replace(
        name="grouping", methods=["xmixup"],
        variants={"grouped": ["--group-translations"]},
        title="sentence pairs, 4,000 translations, grouped or not",
    )  # fmt: skip
    return {
        "pairs": [few],
        "tagging": [tagging],
        "qa": [questions],
        "why": why,
        "pretraining": pretraining,
        "grouping": [grouping],
    }


def real_settings(out: Path) -> List[Setting]:
    """The settings on real data."""
    model = out / "real/xlmr"
    shape = "--encoder-layers 6 --encoder-embed-dim 320 --encoder-ffn-embed-dim 1280 "
    shape += "--encoder-attention-heads 5 --lr 3e-4 --warmup-updates 30 "
    shape += "--total-num-update 300 --max-update 300 --batch-size 16 "
    shape += "--scheduled-sampling-midpoint 0.5"
    tagging = Setting(
        "real-udpos", "udpos", out / "real/raw/udpos", model, shape,
        BASELINES + ABLATIONS, layer=4, layers=6, title="parts of speech, UD PUD",
    )  # fmt: skip
    pairs = tagging._replace(
        name="real-xnli", task="xnli", raw=out / "real/raw/xnli",
        methods=["zero-shot", "translate-train", "xmixup"], layer=0, title="XNLI",
        options=shape + " --target-langs es,sw --lr 2e-4 --warmup-updates 60 "
        "--total-num-update 1000 --max-update 1000 --validate-interval-updates 250 "
        "--save-interval-updates 250",
    )  # fmt: skip
    return [tagging, pairs]


def folder_of(setting: Setting, seed: int, out: Path) -> Path:
    """Where a setting's trainings with a seed go."""
    return out / "runs" / f"{setting.name}-{seed}"


def results_of(setting: Setting, seed: int, run: str, out: Path) -> Path:
    """The scores of a training."""
    folder = folder_of(setting, seed, out)
    if run in setting.methods:
        return folder / "results" / f"{run}-{seed}" / "results.json"
    return folder / run / "results-test" / "results.json"


def checkpoint_of(setting: Setting, seed: int, run: str, out: Path) -> Path:
    """The best checkpoint of a training."""
    name = f"{run}-{seed}" if run in setting.methods else run
    return folder_of(setting, seed, out) / name / "checkpoint_best.pt"


def recipe(
    setting: Setting, seed: int, out: Path, words: List[str], more: List[str]
) -> List[str]:
    """A call of the task's recipe."""
    return [
        "bash", str(ROOT / "examples" / f"{setting.task}.sh"), str(setting.raw),
        str(folder_of(setting, seed, out)), "--model", str(setting.model_of(seed)),
        "--arch", setting.arch, "--seed", str(seed), "--cpu", *words,
        "--", *shlex.split(setting.shared), *shlex.split(setting.options), *more,
    ]  # fmt: skip


def preparing(
    settings: Sequence[Setting], seeds: Sequence[int], out: Path
) -> List[Stage]:
    """Binarize the data; for tagging, train the source model and pseudo-label."""
    stages = []
    for setting in settings:
        for seed in seeds:
            data = folder_of(setting, seed, out) / "data-bin"
            words = ["--stage", "prepare", "--method", "xmixup"]
            command = recipe(setting, seed, out, words, [])
            name = f"{setting.name}, seed {seed}: data"
            inputs = [setting.model_of(seed) / "model.pt"]
            outputs = [data / "manifest.json"]
            stage = Stage(name, data, command, inputs, outputs)
            if setting.leftovers:  # with the model that labels, which begins again
                stage = stage._replace(folder=data.parent, is_resumable=False)
            stages.append(stage)
    return stages


def training(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    out: Path,
    runs: Optional[Collection[str]] = None,
) -> List[Stage]:
    """Train and evaluate each method with each seed, or those of ``runs``."""
    stages = []
    for setting in settings:
        for seed in seeds:
            data = folder_of(setting, seed, out) / "data-bin/manifest.json"
            for run, more in setting.runs.items():
                if runs is not None and run not in runs:
                    continue
                words = ["--stage", "finetune", "--method", method_of(run)]
                if run not in setting.methods:
                    words += ["--run", run]
                command = recipe(setting, seed, out, words, more)
                done = results_of(setting, seed, run, out)
                folder = checkpoint_of(setting, seed, run, out).parent
                name = f"{setting.name}, seed {seed}: {run}"
                inputs = [data, setting.model_of(seed) / "model.pt"]
                # Pseudo-labels are by a model that is trained with the data.
                is_there = run == "zero-shot" and setting.task in PSEUDO_LABELLED
                resumable = is_there or not setting.leftovers
                stages.append(
                    Stage(
                        name, folder, command, inputs, [done], resumable,
                        setting.leftovers,
                    )
                )  # fmt: skip
    return stages


def tool(name: str) -> str:
    """A command of ours or of fairseq's."""
    return str(BIN / name)


def python(script: str, *words: object) -> List[str]:
    """A call of a script of this checkout."""
    return [sys.executable, str(ROOT / script), *map(str, words)]
