"""The demo: made-up languages, a mini XLM-R, baselines and X-Mixup, compared.

usage: make demo [DEMO=pairs|tagging|qa|multimix|all] [BACKBONE=xlmr|mbert]
  (or: DEMO=qa bash examples/demo.sh)
       make demo-seeds [DEMO=multimix]
  SEED is the seed of fine-tuning, SEEDS are those of demo-seeds (such as "2 3 4"),
  DEMO_DIR is the folder (demo; of mBERT demo-mbert). Started again, it goes on.
"""

import os
import re
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from summarize_seeds import summarize

from fairseq_xling.errors import UserError
from fairseq_xling.stages import CommandFailed, Runner
from recipes.command_line import ROOT, WrongUse, options, program, waiting

TRAINING = shlex.split("""
    --max-positions 126 --optimizer adamw_fused --adam-betas '(0.9, 0.98)'
    --clip-norm 1.0 --lr-scheduler polynomial_decay --batch-size 32 --num-workers 0
    --cpu --save-interval-updates 200 --keep-interval-updates 0 --no-epoch-checkpoints
    --log-format simple --log-interval 20
""")
PRETRAINING = """--task masked_lm --criterion masked_lm --sample-break-mode eos
    --tokens-per-sample 126 --mask-prob 0.25 --random-token-prob 0.25
    --leave-unmasked-prob 0.25 --lr 1e-3 --warmup-updates 200 --dropout 0
    --attention-dropout 0 --disable-validation --seed 1""".split()
FINE_TUNING = """--criterion xmixup --warmup-updates 60 --dropout 0
    --attention-dropout 0 --pooler-dropout 0 --validate-interval-updates 200
    --maximize-best-checkpoint-metric""".split()
MULTIMIX = """--max-positions 126 --batch-size 32 --update-freq 1 --num-workers 0
      --dropout 0 --attention-dropout 0 --pooler-dropout 0"""
# What is compared, as it is shown, and its options.
METHODS = {
    "zero-shot": (
        "zero-shot", "--training-set source --best-checkpoint-metric {metric}_en"
    ),
    "translate-train": ("translate-train", "--training-set concatenated"),
    "x-mixup": ("X-Mixup", "--scheduled-sampling-midpoint 0.5"),
    "supervised": (
        "supervised (upper bound)",
        "--training-set concatenated --train-subset supervised",
    ),
}  # fmt: skip


class Demo(NamedTuple):
    """What is compared, and on what.

    Attributes:
        task, metric: the benchmark, and what is selected on.
        stages: how many there are.
        raw: its raw folder.
        is_apart: whether its data, models and logs stand apart from the others'.
        text: what the pre-trained model has a text of its own for.
        predict: the stream that X-Mixup's model predicts from.
        updates, lr, pretraining: of fine-tuning, and updates of pre-training.
        pseudo_labels: whether a source model labels translated words.
    """

    task: str = "xnli"
    metric: str = "accuracy"
    stages: int = 9
    raw: str = "xnli"
    is_apart: bool = False
    text: str = ""
    predict: str = "target"
    updates: int = 400
    lr: str = "3e-4"
    pretraining: int = 1000
    pseudo_labels: bool = False


DEMOS: Dict[str, Demo] = {
    "pairs": Demo(predict="mean"),
    # It shares the pairs' pre-trained model.
    "tagging": Demo("udpos", "f1", 10, "udpos", is_apart=True, pseudo_labels=True),
    "qa": Demo(
        "xquad", "score", 9, "qa", is_apart=True, text="qa", updates=700, lr="1e-3",
        pretraining=1300,
    ),
    "multimix": Demo(stages=5),
}  # fmt: skip
# Tokenizer, its file and the folder, by backbone.
BACKBONES = {
    "xlmr": ("sentencepiece", "sentencepiece.bpe.model", "demo"),
    "mbert": ("wordpiece", "tokenizer.json", "demo-mbert"),
}
# Seeds and results, by demo. Each run of MultiMix trains three models, of its seed and
# the two after it.
SEEDS = {
    "pairs": ("2 3 4", "results-{}/results.json"),
    "multimix": ("2 5 8", "multimix-{}/report.json"),
}


def setting(name: str, default: str) -> str:
    """A variable of the environment, unless it is empty."""
    return os.environ.get(name) or default


def main(words: Sequence[str]) -> None:
    """Run the demo that the environment names; see the usage.

    Raises:
        WrongUse: it names none.
        UserError: a stage failed.
    """
    if words:
        raise WrongUse()
    demo, backbone = setting("DEMO", "pairs"), setting("BACKBONE", "xlmr")
    if backbone not in BACKBONES:
        raise WrongUse(f"BACKBONE={backbone}: choose xlmr or mbert")
    if demo not in (*DEMOS, "all"):
        raise WrongUse(f"DEMO={demo}: choose {', '.join(DEMOS)} or all")
    os.chdir(ROOT)
    for each in DEMOS if demo == "all" else [demo]:
        if demo == "all":
            print(f"== {each}", flush=True)
        Run(each, backbone).all_stages()


def main_of_seeds(words: Sequence[str]) -> None:
    """Run a demo's fine-tuning with several seeds; print means and deviations.

    Raises:
        WrongUse: the environment names no such demo.
        UserError: a stage failed.
    """
    if words:
        raise WrongUse()
    demo, folder = setting("DEMO", "pairs"), setting("DEMO_DIR", "demo")
    if demo not in SEEDS:
        raise WrongUse(f"DEMO={demo}: choose pairs or multimix")
    seeds, results = SEEDS[demo]
    seeds = setting("SEEDS", seeds)
    for seed in seeds.split():
        print(f"== seed {seed}", flush=True)
        os.environ.update(SEED=seed, DEMO_DIR=folder)
        main([])
    paths = [Path(folder, results.format(seed)) for seed in seeds.split()]
    print(summarize(paths), end="")


class Run:
    """A demo with a seed.

    Args:
        name: of the demo.
        backbone: of its model.
    """

    def __init__(self, name: str, backbone: str) -> None:
        self.demo = DEMOS[name]
        self.compare = self.multimix if name == "multimix" else self.methods
        self.tokenizer, self.tokenizer_file, usual = BACKBONES[backbone]
        self.arch, self.seed = f"xmixup_{backbone}_mini", setting("SEED", "2")
        self.folder = Path(setting("DEMO_DIR", usual))
        self.text = f"-{self.demo.text}" if self.demo.text else ""
        self.mini = self.folder / f"mini-{backbone}{self.text}"
        self.mark = f"{name}-" if self.demo.is_apart else ""
        self.name = name if self.demo.is_apart else "pairs"
        self.out = self.folder / (name if self.demo.is_apart else "")
        self.data = self.out / "data-bin"
        self.number, self.began = 0, time.monotonic()

    def all_stages(self) -> None:
        """Run what is not complete, and print the table.

        Raises:
            UserError: a stage failed.
        """
        demo, python, mini = self.demo, program("python"), self.mini
        raw, checkpoints = self.folder / "raw", mini / "checkpoints"
        # Of the sentence pairs few have translations, and these have errors, so that
        # there is room between translate-train and supervised.
        errors = ["--translated-rows", "60", "--pair-noise", "0.6"]
        making = [python, "preprocess/demo_languages.py", raw, "--overwrite", *errors]
        self.stage("making languages", "languages", making)
        tokenizing = options(
            vocabulary=1000, tokenizer=self.tokenizer, destdir=mini, overwrite=True
        )
        text = [python, "preprocess/monolingual.py", raw / f"monolingual{self.text}"]
        mark = f"{demo.text}-" if demo.text else ""
        title = "training a tokenizer, binarizing text"
        self.stage(title, f"{mark}text", [*text, *tokenizing])
        length = options(total_num_update=demo.pretraining, max_update=demo.pretraining)
        training = self.training(checkpoints, mini / "bin", [*PRETRAINING, *length])
        mark, copied = f"{mark}pretrain", mini / "model.pt"
        self.stage("pre-training a mini model", mark, training, checkpoints, copied)
        files = options(
            destdir=self.data, overwrite=True, tokenizer=mini / self.tokenizer_file,
            dict=mini / "dict.txt",
        )  # fmt: skip
        binarizing = [python, f"preprocess/{demo.task}.py", raw / demo.raw, *files]
        self.stage("binarizing the task's data", f"{self.mark}{self.name}", binarizing)
        self.compare()

    def multimix(self) -> None:
        """MultiMix in a far language of which there is text alone."""
        demo, results = self.demo, self.folder / f"multimix-{self.seed}"
        words = options(
            task="multimix_xnli", target_lang="qac", target_split="supervised",
            pretrained=self.mini / "model.pt", arch=self.arch, seed=self.seed, jobs=2,
            cpu=True, train_options=MULTIMIX, results_path=results,
            warmup_options=f"--lr {demo.lr} --max-update {demo.updates} "
            "--warmup-updates 60",
            adaptation_options="--lr 1e-4 --max-update 150",
        )  # fmt: skip
        os.environ["OMP_NUM_THREADS"] = setting("OMP_NUM_THREADS", "1")
        title = "MultiMix: warm-up, generation, three epochs"
        self.stage(title, results.name, [program("xling-multimix"), self.data, *words])
        print("\n" + (results / "report.md").read_text(encoding="utf-8"), end="")

    def methods(self) -> None:
        """Fine-tune by each method, and evaluate all."""
        demo, mark = self.demo, self.mark
        best = {x: self.out / f"{x}-{self.seed}/checkpoint_best.pt" for x in METHODS}
        for name, (title, own) in METHODS.items():
            if demo.pseudo_labels and name == "translate-train":
                label = options(cpu=True, overwrite=True, path=best["zero-shot"])
                command = [program("xling-pseudo-label"), self.data, *label]
                title_of_labels = "pseudo-labels of the source model"
                self.stage(title_of_labels, f"{mark}pseudo-label-{self.seed}", command)
            words = options(
                task=f"xmixup_{demo.task}", lr=demo.lr, total_num_update=demo.updates,
                finetune_from_model=self.mini / "model.pt", max_update=demo.updates,
                best_checkpoint_metric=demo.metric, seed=self.seed,
            )  # fmt: skip
            words += [*FINE_TUNING, *own.format(metric=demo.metric).split()]
            folder = best[name].parent
            command = self.training(folder, self.data, words)
            self.stage(f"fine-tuning: {title}", f"{mark}{folder.name}", command, folder)
        results = self.out / f"results-{self.seed}"
        first, *others = best.values()
        ways = ["target", "target", demo.predict, "target"]
        command = [program("xling-evaluate"), self.data, "--path", first]
        command += ["--compare", *others, "--names", *METHODS, "--predict", *ways]
        command += options(results_path=results, cpu=True)
        self.stage("evaluating", f"{mark}{results.name}", command)
        print("\n" + (results / "results.txt").read_text(encoding="utf-8"))
        files = "results.md, results.json, scores.png, predictions/"
        print(f"More of it: {results} ({files})")

    def training(self, folder: Path, data: Path, words: Sequence[str]) -> List[object]:
        """A call of fairseq-train."""
        more = options(
            save_dir=folder, user_dir="fairseq_xling", arch=self.arch,
            log_file=folder / "train.log",
        )  # fmt: skip
        return [program("fairseq-train"), data, *words, *more, *TRAINING]

    def stage(
        self,
        title: str,
        mark: str,
        command: Sequence[object],
        folder: Optional[Path] = None,
        copied: Optional[Path] = None,
    ) -> None:
        """Run a command unless its mark is there; what it prints goes to a log.

        Args:
            title: as it is shown.
            mark: name of its mark and log.
            command: program and arguments.
            folder: of a training; its log is opened before fairseq makes it.
            copied: where its last checkpoint is copied to.

        Raises:
            UserError: it failed.
        """
        logs = self.folder / "logs"
        done, log = logs / f"{mark}.done", logs / f"{mark}.log"
        self.number += 1
        print(f"[{self.number}/{self.demo.stages}] {title}", end="", flush=True)
        if done.exists():
            print(": done before")
            return
        print(flush=True)
        for needed in filter(None, (logs, folder)):
            needed.mkdir(parents=True, exist_ok=True)
        # OpenMP's threads would spin while they wait, on cores that others hold.
        run = Runner(
            variables={"PYTHONWARNINGS": "ignore", "OMP_WAIT_POLICY": waiting()}
        )
        is_watched = sys.stdout.isatty()
        try:
            with open(log, "wb") as file:
                run(
                    [str(word) for word in command],
                    log=file,
                    meanwhile=(lambda: self.show(log)) if is_watched else None,
                )
        except CommandFailed:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(*lines[-5:], sep="\n", file=sys.stderr)
            raise UserError(
                f"'{title}' failed, see {log}; run it again to go on"
            ) from None
        finally:
            print("\r\033[K" if is_watched else "", end="", flush=True)
        if folder and copied:
            shutil.copyfile(folder / "checkpoint_last.pt", copied)
        done.touch()
        print(f"      {self.seconds()} s in all", flush=True)

    def seconds(self) -> int:
        """Since the demo began."""
        return int(time.monotonic() - self.began)

    def show(self, log: Path) -> None:
        """Tell on a terminal how far a command has come: the number of updates."""
        text = log.read_text(encoding="utf-8", errors="replace")
        found = "".join(re.findall("num_updates[ =][0-9]*", text)[-1:])
        print(f"\r\033[K      {self.seconds()} s in all {found}", end="", flush=True)
