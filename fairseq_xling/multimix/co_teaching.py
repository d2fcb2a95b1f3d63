"""MultiMix's Algorithm 1 as stages: all but its epochs, which are in ``epoch.py``."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.data.tokenizers import find_tokenizer
from fairseq_xling.files.path_lists import join_paths, refuse_pathsep
from fairseq_xling.multimix.algorithm import MODELS
from fairseq_xling.multimix.recipe import COMMON, RECIPES
from fairseq_xling.multimix.updates import schedule
from fairseq_xling.stages import Stage


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
        shares: of the target, each a pool by itself: one that all models share, or one
            for each model, beside the data by its number.
        source_lang, target_lang: the languages.
        target_split: split with the target's training text; its labels are not read.
        selected_on: language of the dev set that adaptation is selected on.
        folder: where everything goes.
        seed: the models' seeds are this and the two after it.
        warm: checkpoints of warmed-up models; empty to warm them up.
        distill_factors: eta of each epoch, in percent.
        distill_options: further options of ``xling-distill``.
        augment_options: further options of ``multimix_augment``.
        train_options, warm_up_options, adaptation_options: of ``fairseq-train``.
        sampling_factor: alpha of eq. 3.
        agreement: whether both peers must agree.
        schedule: ``"sequential"`` or ``"simultaneous"``, see ``algorithm.py``.
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
    selected_on: str
    folder: Path
    seed: int = 1
    warm: Sequence[Path] = ()
    distill_factors: Sequence[float] = ()
    distill_options: Sequence[str] = ()
    augment_options: Sequence[str] = ()
    train_options: Sequence[str] = ()
    warm_up_options: Sequence[str] = ()
    adaptation_options: Sequence[str] = ()
    sampling_factor: float = 0.7
    agreement: bool = True
    schedule: str = "sequential"
    mixup: bool = False
    device_options: Sequence[str] = field(default_factory=list)
    lm_data: Optional[Path] = None
    shares: Sequence[int] = (1,)

    def pool(self, name: str, model: int = 1) -> Pool:
        """A pool by its name; of the target, the share that a model learns from."""
        side, _, kind = name.partition("-")
        share = model if side == "target" and model in self.shares else 1
        data = self.folder / "augmented" / side if kind else self.data
        folder = numbered(data, share)
        if side == "source":
            return Pool(name, folder, "train", self.source_lang)
        name += f"-{share}" if share > 1 else ""
        return Pool(name, folder, self.target_split, self.target_lang)

    def checkpoint(self, epoch: int, model: int) -> Path:
        """A model as it stands after an epoch; epoch 0 is the warm-up."""
        if epoch == 0 and self.warm:
            return self.warm[model - 1]
        return self.epoch_folder(epoch) / f"model{model}" / "checkpoint_best.pt"

    def sampling(self, percentage: float, shares: Sequence[int] = (1,)) -> List[Stage]:
        """A share of the data, source and target not parallel (section 4.2).

        From here on, the plan is about that share: a percentage of the source's rows,
        and of the target's one for each of the models numbered in ``shares``.
        """
        stages = []
        for name, data in (("sampled", self.data), ("sampled-lm", self.lm_data)):
            if data is None:
                continue
            for share in shares:
                folder = numbered(self.folder / name, share)
                command = [
                    program("xling-sample"), str(data), f"--percentage={percentage:g}",
                    f"--target-lang={self.target_lang}",
                    f"--target-split={self.target_split}", f"--seed={self.seed}",
                    *([f"--target-seed={share}"] if share > 1 else []),
                    f"--results-path={folder}",
                ]  # fmt: skip
                files = [data / "manifest.json"], [folder / "manifest.json"]
                stages.append(Stage(folder.name, folder, command, *files, False))
        self.shares = shares
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
        name = name or f"model{model}"
        title = f"warm-up, {name.replace('model', 'model ')}"
        folder, start, lang = (
            self.epoch_folder(0) / name,
            self.pretrained,
            self.source_lang,
        )
        words = [
            "--criterion=confidence_penalty", *RECIPES[self.task].warm_up,
            *self.train_options, *self.warm_up_options, *options,
        ]  # fmt: skip
        rows = self.rows(self.data, lang)
        return self.training(title, folder, model, start, lang, words, rows, [])

    def generation(self) -> List[Stage]:
        """Lines 8 and 15: virtual samples, which do not depend on the models."""
        stages = []
        for side, share in self._sides():
            pool = self.pool(side, share)
            name = pool.name
            folder = self.folder / "augmented" / name
            if self.lm_data is not None:
                folder = self.folder / "augmented-lm" / name
                pool = pool._replace(folder=numbered(self.lm_data, share))
            command = [
                program("fairseq-generate"), str(pool.folder), *user_dir(),
                "--task=multimix_augment", f"--path={self.lm}",
                f"--gen-subset={pool.split}", f"--langs={pool.lang}",
                f"--seed={self.seed}", "--quiet", "--max-tokens=4096",
                *self.device_options, *self.augment_options,
                f"--results-path={folder}",
            ]  # fmt: skip
            text = self.text_of(pool)
            inputs = [pool.folder / "manifest.json", *text, self.lm]
            outputs = [folder / "manifest.json"]
            title = f"virtual samples of {name}"
            stages.append(Stage(title, folder, command, inputs, outputs))
        return stages

    def exchange(self) -> List[Stage]:
        """The virtual samples as text, tokenised for the task models."""
        stages: List[Stage] = []
        if self.lm_data is None:
            return stages
        files = [find_tokenizer(self.data), self.data / "dict.txt"]
        for name in (self.pool(*side).name for side in self._sides()):
            pool = self.folder / "augmented-lm" / name
            folder = self.folder / "augmented" / name
            command = [
                program("xling-retokenize"), str(pool), f"--tokenizer={files[0]}",
                f"--dict={files[1]}", f"--destdir={folder}",
            ]  # fmt: skip
            inputs = [pool / "manifest.json", *files]
            outputs = [folder / "manifest.json"]
            title = f"virtual samples of {name}, tokenised anew"
            stages.append(Stage(title, folder, command, inputs, outputs, False))
        return stages

    def _sides(self) -> List[Tuple[str, int]]:
        """The source, and each share of the target."""
        return [("source", 1), *(("target", share) for share in self.shares)]

    def evaluation(self, epoch: int) -> List[Stage]:
        """Scores of the three models on the dev and test sets."""
        checkpoints = {model: self.checkpoint(epoch, model) for model in MODELS}
        stages = []
        for split in ("valid", "test"):
            if split not in Manifest.load(self.data).splits:
                continue
            folder = self.epoch_folder(epoch) / f"results-{split}"
            title = f"epoch {epoch}: {split} scores" if epoch else f"{split} scores"
            stages.append(self.evaluating(title, folder, split, checkpoints))
        return stages

    def adaptation_options_on(self, folders: Sequence[Path]) -> List[str]:
        """Options of a training on a mixture of data."""
        kind = ["--criterion=confidence_penalty", "--confidence-penalty=0"]
        if self.mixup:
            kind = ["--criterion=xmixup", "--training-set=pairs"]
        return [
            *kind, f"--mixture={join_paths(folders)}",
            f"--sampling-factor={self.sampling_factor:g}",
            *RECIPES[self.task].adaptation, *self.train_options,
            *self.adaptation_options,
        ]  # fmt: skip

    def check_trainings(self) -> None:
        """Refuse now, not hours later, what fairseq's commands would refuse."""
        for option, path in (
            ("", self.data),
            ("--lm-data", self.lm_data or ""),
            ("--lm-path", self.lm),
            ("--results-path", self.folder),
        ):
            refuse_pathsep(path, option)
        words = self.adaptation_options_on([self.data])
        start, lang = self.pretrained, self.selected_on
        self.training("", self.folder, 1, start, lang, words, 1, [])
        self._warm_up(1, [])

    def training(
        self,
        title: str,
        folder: Path,
        model: int,
        start: Path,
        selected_on: str,
        options: Sequence[str],
        rows: int,
        inputs: Sequence[Path],
    ) -> Stage:
        """A call of fairseq-train, seeded by the model, with options of its own.

        It starts from ``start``, has ``rows`` samples, and reads ``inputs`` as well;
        checkpoints are selected on the dev set of the language ``selected_on``.

        Raises:
            UserError: the options are wrong.
        """
        recipe = RECIPES[self.task]
        words = [
            str(self.data), f"--task={self.task}", f"--arch={self.arch}",
            f"--target-langs={self.target_lang}",
            f"--finetune-from-model={start}", f"--seed={self.seed + model - 1}",
            f"--best-checkpoint-metric={recipe.metric}_{selected_on}",
            "--maximize-best-checkpoint-metric", *COMMON, *recipe.common,
            *self.device_options, *options, f"--save-dir={folder}",
        ]  # fmt: skip
        words += schedule(words, rows)
        return Stage(
            title,
            folder,
            [program("fairseq-train"), *user_dir(), *words],
            [start, self.data / "manifest.json", *inputs],
            [folder / "checkpoint_best.pt"],
            # What only a training that goes on needs.
            leftovers=["checkpoint_last.pt", "checkpoint_*_*.pt"],
        )

    def evaluating(
        self, title: str, folder: Path, split: str, checkpoints: Dict[int, Path]
    ) -> Stage:
        """A call of xling-evaluate for some models on the dev or test set."""
        first, *others = map(str, checkpoints.values())
        # Without X-Mixup, the target's text alone is read, not its translation.
        way = "mean" if self.mixup else "target"
        command = [
            program("xling-evaluate"), str(self.data), f"--path={first}",
            *(["--compare", *others] if others else []),
            "--names", *map(str, checkpoints),
            f"--split={split}", f"--target-langs={self.target_lang}",
            f"--predict={way}", *self.device_options, f"--results-path={folder}",
        ]  # fmt: skip
        inputs = [*checkpoints.values(), self.data / "manifest.json"]
        return Stage(title, folder, command, inputs, [folder / "results.json"])

    def epoch_folder(self, epoch: int) -> Path:
        """What belongs to an epoch; epoch 0 is the warm-up."""
        return self.folder / (f"epoch{epoch}" if epoch else "warm-up")

    @staticmethod
    def text_of(pool: Pool) -> List[Path]:
        """The tokens of a pool."""
        return [Path(stream_prefix(*pool[1:], "input") + ".bin")]

    @staticmethod
    def rows(folder: Path, lang: Optional[str] = None) -> int:
        """Number of training samples in a folder, of one language or all."""
        train = Manifest.load(folder).splits["train"]
        if lang is not None:
            return train[lang].rows
        return sum(entry.rows for entry in train.values())


def numbered(folder: Path, share: int) -> Path:
    """The folder of a share: of the first its name, of others the number behind it."""
    return folder if share == 1 else folder.with_name(f"{folder.name}-{share}")


def program(name: str) -> str:
    """A command of the running environment."""
    return str(Path(sys.executable).with_name(name))


def user_dir() -> List[str]:
    """Where fairseq's commands find this package."""
    return ["--user-dir", str(Path(__file__).resolve().parents[1])]
