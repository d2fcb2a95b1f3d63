"""MultiMix's Algorithm 1 as stages: what each model is trained on, in which epoch."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.data.path_lists import join_paths
from fairseq_xling.data.tokenizers import find_tokenizer
from fairseq_xling.multimix.recipe import COMMON, RECIPES, schedule
from fairseq_xling.multimix.stages import Stage

MODELS = (1, 2, 3)
EPOCHS = 3


class Pool(NamedTuple):
    """Samples without trusted labels.

    Attributes:
        name: ``"source"`` or ``"target"``, or of virtual samples ``"source-aug"`` or
            ``"target-aug"``.
        folder: binarized data.
        split: which part of them.
        lang: the language.
    """

    name: str
    folder: Path
    split: str
    lang: str


# Algorithm 1, line 22: which data are mixed in each epoch.
MIXTURES = {
    1: ("source", "target"),
    2: ("target-aug",),
    3: ("source", "target", "source-aug", "target-aug"),
}


@dataclass
class Plan:
    """All stages of a run of Algorithm 1.

    Attributes:
        data: folder of binarized data with both languages.
        task: ``multimix_xnli`` or ``multimix_xner``.
        arch: of the task models.
        pretrained: checkpoint that they start from.
        lm: checkpoint of the language model that generates.
        lm_data: the data as that one reads them, where its tokenizer is another.
        source_lang, target_lang: the languages.
        target_split: split with the target's training text; its labels are not read.
        folder: where everything goes.
        seed: the models' seeds are this and the two after it.
        selection_lang: language of the dev set that adaptation is selected on.
        warm: checkpoints of warmed-up models; empty to warm them up.
        distill_factors: eta of each epoch, in percent.
        distill_options: further options of ``xling-distill``.
        augment_options: further options of ``multimix_augment``.
        train_options, warm_up_options, adaptation_options: of ``fairseq-train``.
        sampling_factor: alpha of eq. 3.
        agreement: whether both peers must agree.
        mixup: whether adapted models are X-Mixup's.
        device_options: such as ``--cpu`` and ``--bf16``, for all commands that run a
            model.
    """

    data: Path
    task: str
    arch: str
    pretrained: Path
    lm: Path
    source_lang: str
    target_lang: str
    target_split: str
    folder: Path
    seed: int = 1
    selection_lang: str = ""
    warm: Sequence[Path] = ()
    distill_factors: Sequence[float] = ()
    distill_options: Sequence[str] = ()
    augment_options: Sequence[str] = ()
    train_options: Sequence[str] = ()
    warm_up_options: Sequence[str] = ()
    adaptation_options: Sequence[str] = ()
    sampling_factor: float = 0.7
    agreement: bool = True
    mixup: bool = False
    device_options: Sequence[str] = field(default_factory=list)
    lm_data: Optional[Path] = None

    def pool(self, name: str) -> Pool:
        """A pool by its name."""
        side, _, kind = name.partition("-")
        folder = self.folder / "augmented" / side if kind else self.data
        if side == "source":
            return Pool(name, folder, "train", self.source_lang)
        return Pool(name, folder, self.target_split, self.target_lang)

    def checkpoint(self, epoch: int, model: int) -> Path:
        """A model as it stands after an epoch; epoch 0 is the warm-up."""
        if epoch == 0 and self.warm:
            return self.warm[model - 1]
        return self._model_folder(epoch, model) / "checkpoint_best.pt"

    def sampling(self, percentage: float) -> List[Stage]:
        """A share of the data, source and target not parallel (section 4.2).

        From here on, the plan is about that share.
        """
        stages = []
        for name, data in (("sampled", self.data), ("sampled-lm", self.lm_data)):
            if data is None:
                continue
            folder = self.folder / name
            command = [
                program("xling-sample"), str(data), f"--percentage={percentage:g}",
                f"--target-lang={self.target_lang}",
                f"--target-split={self.target_split}",
                f"--seed={self.seed}", f"--results-path={folder}",
            ]  # fmt: skip
            inputs, outputs = [data / "manifest.json"], [folder / "manifest.json"]
            stages.append(Stage(name, folder, command, inputs, outputs, False))
        self.data = self.folder / "sampled"
        self.lm_data = self.lm_data and self.folder / "sampled-lm"
        return stages

    def warm_up(self) -> List[Stage]:
        """Line 1: three models that differ by seed, on source labels alone."""
        return [] if self.warm else [self._warm_up(model, []) for model in MODELS]

    def charts(self) -> List[List[Stage]]:
        """Appendix B: the first model warmed up without penalty, and the charts."""
        name = "model1-without-penalty"
        plain = self._warm_up(1, ["--confidence-penalty=0"], name)
        folder = self.folder / "charts"
        paths = [self.checkpoint(0, 1), *plain.outputs]
        command = [
            program("xling-penalty-charts"), str(self.data), "--path",
            *map(str, paths), "--names", "with penalty", "without penalty",
            f"--lang={self.target_lang}", f"--seed={self.seed}",
            f"--distill-factor={self.distill_factors[0]:g}", *self.device_options,
            f"--results-path={folder}",
        ]  # fmt: skip
        inputs = [*paths, self.data / "manifest.json"]
        outputs = [folder / "charts.json"]
        return [[plain], [Stage("charts", folder, command, inputs, outputs)]]

    def _warm_up(self, model: int, options: List[str], name: str = "") -> Stage:
        recipe = RECIPES[self.task]
        given = [*recipe.warm_up, *self.train_options, *self.warm_up_options]
        rows = self._rows(self.data, self.source_lang)
        options = ["--criterion=confidence_penalty", *given, *options]
        options += schedule(given, rows)
        start = self.pretrained
        return self._train(0, model, start, self.source_lang, options, [], name)

    def generation(self) -> List[Stage]:
        """Lines 8 and 15: virtual samples, which do not depend on the models."""
        stages = []
        for side in ("source", "target"):
            pool = self.pool(side)
            folder = self.folder / "augmented" / side
            if self.lm_data is not None:
                folder = self.folder / "augmented-lm" / side
                pool = pool._replace(folder=self.lm_data)
            command = [
                program("fairseq-generate"), str(pool.folder), *user_dir(),
                "--task=multimix_augment", f"--path={self.lm}",
                f"--gen-subset={pool.split}", f"--langs={pool.lang}",
                f"--seed={self.seed}", "--quiet", "--max-tokens=4096",
                *self.device_options, *self.augment_options,
                f"--results-path={folder}",
            ]  # fmt: skip
            text = self._text(pool)
            inputs = [pool.folder / "manifest.json", *text, self.lm]
            outputs = [folder / "manifest.json"]
            name = f"virtual samples of {side}"
            stages.append(Stage(name, folder, command, inputs, outputs))
        return stages

    def exchange(self) -> List[Stage]:
        """The virtual samples as text, tokenised for the task models."""
        stages: List[Stage] = []
        if self.lm_data is None:
            return stages
        files = [find_tokenizer(self.data), self.data / "dict.txt"]
        for side in ("source", "target"):
            pool, folder = [
                self.folder / name / side for name in ("augmented-lm", "augmented")
            ]
            command = [
                program("xling-retokenize"), str(pool), f"--tokenizer={files[0]}",
                f"--dict={files[1]}", f"--destdir={folder}",
            ]  # fmt: skip
            inputs = [pool / "manifest.json", *files]
            outputs = [folder / "manifest.json"]
            name = f"virtual samples of {side}, tokenised anew"
            stages.append(Stage(name, folder, command, inputs, outputs, False))
        return stages

    def distillation(self, epoch: int) -> List[Stage]:
        """Each model's labels and selection of each pool, as it stands."""
        stages = []
        factor = self.distill_factors[epoch - 1]
        for name in self._pools(epoch):
            pool = self.pool(name)
            for model in MODELS:
                folder = self._epoch(epoch) / "distilled" / name / str(model)
                checkpoint = self.checkpoint(epoch - 1, model)
                command = [
                    program("xling-distill"), str(pool.folder), f"--path={checkpoint}",
                    f"--split={pool.split}", f"--lang={pool.lang}",
                    f"--distill-factor={factor:g}",
                    f"--seed={self.seed}", *self.device_options, *self.distill_options,
                    f"--results-path={folder}",
                ]  # fmt: skip
                inputs = [checkpoint, *self._text(pool)]
                outputs = [folder / "selection.json"]
                title = f"epoch {epoch}, {name}, model {model}: distillation"
                stages.append(Stage(title, folder, command, inputs, outputs))
        return stages

    def agreements(self, epoch: int) -> List[Stage]:
        """What each model's peers agree on, of each pool."""
        stages = []
        for name in self._pools(epoch):
            pool = self.pool(name)
            for model in MODELS:
                peers = [peer for peer in MODELS if peer != model]
                if not self.agreement:
                    peers = [model % 3 + 1]
                distilled = self._epoch(epoch) / "distilled" / name
                folders = [distilled / str(peer) for peer in peers]
                folder = self._selected(epoch, name, model)
                command = [
                    program("xling-agree"), str(pool.folder), *map(str, folders),
                    f"--split={pool.split}", f"--lang={pool.lang}",
                    f"--results-path={folder}",
                    *([] if self.agreement else ["--no-agreement"]),
                ]  # fmt: skip
                inputs = [
                    one / part
                    for one in folders
                    for part in ("labels.bin", "selected.bin", "selection.json")
                ]
                outputs = [folder / "manifest.json"]
                title = f"epoch {epoch}, {name}, for model {model}: agreement"
                stages.append(Stage(title, folder, command, inputs, outputs, False))
        return stages

    def adaptation(self, epoch: int) -> List[Stage]:
        """Lines 19 to 22: train each model on the epoch's data."""
        recipe = RECIPES[self.task]
        stages = []
        for model in MODELS:
            folders = [
                self.data if name == "source" else self._selected(epoch, name, model)
                for name in MIXTURES[epoch]
            ]
            rows = sum(
                self._rows(folder, self.source_lang if folder == self.data else None)
                for folder in folders
            )
            options = [*recipe.adaptation, *self.train_options]
            options += self.adaptation_options
            kind = ["--criterion=confidence_penalty", "--confidence-penalty=0"]
            if self.mixup:
                kind = ["--criterion=xmixup", "--training-set=pairs"]
            command = [
                *kind,
                f"--mixture={join_paths(folders)}",
                f"--sampling-factor={self.sampling_factor:g}",
                *options,
                *schedule(options, rows),
            ]
            stages.append(
                self._train(
                    epoch,
                    model,
                    self.checkpoint(epoch - 1, model),
                    self.selection_lang or self.target_lang,
                    command,
                    [x / "manifest.json" for x in folders if x != self.data],
                )
            )
        return stages

    def evaluation(self, epoch: int) -> List[Stage]:
        """Scores of the three models on the dev and test sets."""
        checkpoints = [self.checkpoint(epoch, model) for model in MODELS]
        # Without X-Mixup, the target's text alone is read, not its translation.
        way = "mean" if self.mixup else "target"
        stages = []
        for split in ("valid", "test"):
            if split not in Manifest.load(self.data).splits:
                continue
            folder = self._epoch(epoch) / f"results-{split}"
            command = [
                program("xling-evaluate"), str(self.data), f"--path={checkpoints[0]}",
                "--compare", *map(str, checkpoints[1:]), "--names", *map(str, MODELS),
                f"--split={split}", f"--target-langs={self.target_lang}",
                f"--predict={way}", *self.device_options, f"--results-path={folder}",
            ]  # fmt: skip
            title = f"epoch {epoch}: {split} scores" if epoch else f"{split} scores"
            inputs = [*checkpoints, self.data / "manifest.json"]
            outputs = [folder / "results.json"]
            stages.append(Stage(title, folder, command, inputs, outputs))
        return stages

    def _train(
        self,
        epoch: int,
        model: int,
        start: Path,
        selection_lang: str,
        options: List[str],
        inputs: List[Path],
        name: str = "",
    ) -> Stage:
        recipe = RECIPES[self.task]
        folder = self._model_folder(epoch, model)
        if name:
            folder = folder.with_name(name)
        command = [
            program("fairseq-train"), str(self.data), *user_dir(),
            f"--task={self.task}", f"--arch={self.arch}",
            f"--target-langs={self.target_lang}",
            f"--finetune-from-model={start}", f"--seed={self.seed + model - 1}",
            f"--best-checkpoint-metric={recipe.metric}_{selection_lang}",
            "--maximize-best-checkpoint-metric", *COMMON, *recipe.common,
            *self.device_options, *options, f"--save-dir={folder}",
        ]  # fmt: skip
        title = f"epoch {epoch}" if epoch else "warm-up"
        title += f", {name or f'model {model}'}"
        inputs = [start, self.data / "manifest.json", *inputs]
        return Stage(title, folder, command, inputs, [folder / "checkpoint_best.pt"])

    def _pools(self, epoch: int) -> List[str]:
        return [name for name in MIXTURES[epoch] if name != "source"]

    def _epoch(self, epoch: int) -> Path:
        return self.folder / (f"epoch{epoch}" if epoch else "warm-up")

    def _model_folder(self, epoch: int, model: int) -> Path:
        return self._epoch(epoch) / f"model{model}"

    def _selected(self, epoch: int, name: str, model: int) -> Path:
        return self._epoch(epoch) / "selected" / name / str(model)

    @staticmethod
    def _text(pool: Pool) -> List[Path]:
        return [Path(stream_prefix(*pool[1:], "input") + ".bin")]

    @staticmethod
    def _rows(folder: Path, lang: Optional[str]) -> int:
        train = Manifest.load(folder).splits["train"]
        if lang is not None:
            return train[lang].rows
        return sum(entry.rows for entry in train.values())


def program(name: str) -> str:
    """A command of the running environment."""
    return str(Path(sys.executable).with_name(name))


def user_dir() -> List[str]:
    """Where fairseq's commands find this package."""
    return ["--user-dir", str(Path(__file__).resolve().parents[1])]
