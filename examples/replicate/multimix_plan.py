"""MultiMix's runs: both schedules, warm-up without penalty, Table 3's distillation."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from plan import tool

from fairseq_xling.stages import Stage

# Figure 1's schedule, beside Algorithm 1's.
SIMULTANEOUS = "simultaneous"
FIGURE_1 = f"--co-teaching={SIMULTANEOUS}"
# Table 3: how labels are trusted, as options of xling-multimix.
CLUSTERING = "--distill-options=--distill-type clustering --posterior-threshold "
TABLE_3: Dict[str, List[str]] = {
    "clustering, 0.7, agreement": [CLUSTERING + "0.7"],
    "clustering, 0.5, agreement": [CLUSTERING + "0.5"],
    **{
        f"confidence, {eta} %, {name}": [f"--distill-factor={eta},100,100", *options]
        for eta in (50, 80, 90, 100)
        for name, options in (("agreement", []), ("none", ["--no-agreement"]))
    },
}


class MultiMixSetting(NamedTuple):
    """Data and hyper-parameters of runs.

    Attributes:
        name: of their folders.
        task: ``multimix_xnli`` or ``multimix_xner``.
        data: binarized.
        model: folder of the pre-trained model.
        lang, split: the target language and where its text is.
        options: of ``xling-multimix``.
        title: in the tables.
        arch: of the models.
        lm: folder of the model that generates, if it is another.
    """

    name: str
    task: str
    data: Path
    model: Path
    lang: str
    split: str
    options: Sequence[str]
    title: str
    arch: str = "xmixup_xlmr_mini"
    lm: Optional[Path] = None

    def folder(self, seed: int, row: str, out: Path) -> Path:
        """Where a run goes; ``row`` is empty for the whole of Algorithm 1."""
        stem = row.replace(" %", "").replace(", ", "-")
        return out / "runs" / "-".join(filter(None, [self.name, stem, str(seed)]))

    def stage(self, seed: int, row: str, out: Path, options: Sequence[str]) -> Stage:
        """A run; each trains three models, of this seed and the next two."""
        folder = self.folder(seed, row, out)
        command = [
            tool("xling-multimix"), str(self.data), f"--task={self.task}",
            f"--target-lang={self.lang}", f"--target-split={self.split}",
            f"--pretrained={self.model / 'model.pt'}", f"--arch={self.arch}",
            f"--seed={seed}", "--jobs=1", "--cpu", *self.options, *options,
            f"--results-path={folder}",
        ]  # fmt: skip
        inputs = [self.data / "manifest.json", self.model / "model.pt"]
        if self.lm:
            inputs.append(self.lm / "model.pt")
            command += ["--lm-path", str(inputs[-1])]
        title = f"{self.name}, seed {seed}" + (f": {row}" if row else "")
        return Stage(title, folder, command, inputs, [folder / "report.json"])


def demo_setting(out: Path, seed: int) -> MultiMixSetting:
    """XNLI's task in a far made-up language."""
    shared = """--max-positions 126 --batch-size 32 --update-freq 1 --num-workers 0
        --dropout 0 --attention-dropout 0 --pooler-dropout 0"""
    return MultiMixSetting(
        "multimix", "multimix_xnli", out / "runs" / f"pairs-{seed}/data-bin",
        out / "mini-xlmr", "qac", "supervised",
        [
            f"--train-options={shared}",
            "--warmup-options=--lr 3e-4 --max-update 400 --warmup-updates 60",
            "--adaptation-options=--lr 1e-4 --max-update 150",
        ],
        title="sentence pairs in qac",
    )  # fmt: skip


def real_setting(out: Path) -> MultiMixSetting:
    """Named entities in Spanish."""
    shared = """--max-positions 126 --batch-size 16 --update-freq 1 --num-workers 0
        --dropout 0 --attention-dropout 0 --pooler-dropout 0 --weight-decay 0
        --encoder-layers 6 --encoder-embed-dim 320 --encoder-ffn-embed-dim 1280
        --encoder-attention-heads 5"""
    return MultiMixSetting(
        "real-multimix", "multimix_xner", out / "real/panx-bin", out / "real/xlmr",
        "es", "supervised",
        [
            f"--train-options={shared}",
            "--warmup-options=--lr 3e-4 --max-update 300 --warmup-updates 30",
            "--adaptation-options=--lr 1e-4 --max-update 100",
        ],
        title="named entities in Spanish, PAN-X",
    )  # fmt: skip


def multimix_with_encoder(out: Path, seed: int) -> List[MultiMixSetting]:
    """With a real encoder; a copy of it with a head for masked tokens generates.

    Args:
        out: folder of all runs.
        seed: of the binarized sentence pairs.
    """
    shared = "--batch-size 16 --update-freq 1 --num-workers 0"
    shared += " --no-save-optimizer-state"
    entities = MultiMixSetting(
        "encoder-multimix-es", "multimix_xner", out / "encoder/xner-es-bin",
        out / "encoder/model", "es", "supervised",
        [
            f"--train-options={shared}",
            "--warmup-options=--lr 1e-4 --max-update 300 --warmup-updates 30",
            "--adaptation-options=--lr 5e-5 --max-update 60",
        ],
        title="named entities in Spanish, WikiANN, real encoder", arch="xmixup_xlmr",
        lm=out / "encoder/lm",
    )  # fmt: skip
    swahili = entities._replace(
        name="encoder-multimix-sw", data=out / "encoder/xner-sw-bin", lang="sw",
        title="named entities in Swahili, MasakhaNER, real encoder",
    )  # fmt: skip
    pairs = entities._replace(
        name="encoder-multimix-pairs", task="multimix_xnli", split="train",
        data=out / "runs" / f"encoder-xnli-{seed}/data-bin",
        options=[*entities.options, "--train-percentage=5"],
        title="sentence pairs in Spanish, XNLI-5 %, real encoder",
    )  # fmt: skip
    return [entities, swahili, pairs]


def first_seeds(seeds: Sequence[int]) -> List[int]:
    """Seeds of runs, so far apart that no two models have the same one."""
    return [seeds[0] + 3 * i for i in range(len(seeds))]


def running(setting: MultiMixSetting, seeds: Sequence[int], out: Path) -> List[Stage]:
    """Algorithm 1 as printed, and warm-up without penalty."""
    penalty = [*setting.options[1:2]]
    plain = [f"{penalty[0]} --confidence-penalty 0", "--epochs=0"]
    runs = first_seeds(seeds)
    return [
        *(setting.stage(seed, "", out, []) for seed in runs),
        *(setting.stage(seed, "no-penalty", out, plain) for seed in runs),
    ]


def adapting(setting: MultiMixSetting, seeds: Sequence[int], out: Path) -> List[Stage]:
    """Figure 1's schedule from the same warmed-up models."""
    return from_warm(setting, seeds, out, {SIMULTANEOUS: [FIGURE_1]})


def distilling(
    setting: MultiMixSetting, seeds: Sequence[int], out: Path
) -> List[Stage]:
    """Table 3: an epoch each, by the schedule that has half as many trainings."""
    rows = {row: [FIGURE_1, *x, "--epochs=1"] for row, x in TABLE_3.items()}
    return from_warm(setting, seeds, out, rows)


def from_warm(
    setting: MultiMixSetting,
    seeds: Sequence[int],
    out: Path,
    rows: Dict[str, List[str]],
) -> List[Stage]:
    """Runs that start from the models that Algorithm 1's warmed up.

    Args:
        setting, seeds, out: as of :func:`running`.
        rows: options of each, by its name.
    """
    stages = []
    for seed in first_seeds(seeds):
        warm = [
            setting.folder(seed, "", out) / f"warm-up/model{model}/checkpoint_best.pt"
            for model in (1, 2, 3)
        ]
        for row, options in rows.items():
            given = [*options, "--warmup-path", *map(str, warm)]
            stage = setting.stage(seed, row, out, given)
            stages.append(stage._replace(inputs=[*stage.inputs, *warm]))
    return stages
