"""Fine-tune and evaluate on one of XTREME's tasks, one method or baseline at a time.

usage: bash examples/TASK.sh RAW_DIR OUT_DIR [options] [-- more fairseq-train options]
  TASK             xnli, pawsx, udpos, panx, xquad, mlqa or tydiqa
  --model MODEL    folder of fairseq's form (model.pt, dict.txt and a tokenizer) or of
                   Hugging Face's, or a name such as xlmr.base, xlm-roberta-base or
                   intfloat/multilingual-e5-small (default: xlmr.large)
  --arch NAME      (default: xmixup_xlmr, which has the model's own sizes)
  --method NAME    xmixup (default), a baseline:
                     zero-shot, translate-test, translate-train, supervised
                   or an ablation of the paper's Tables 5 and 9:
                     no-mixup, no-mixup-inference, no-scheduled-sampling,
                     constant-ratio, no-mse, no-kl, no-consistency
                   (translate-test, no-kl and no-consistency: sentence pairs only)
  --gpus N         GPUs, up to 64 (default: 1; under torchrun or srun those of all
                   machines); an update stays 64 rows, or the nearest below that they
                   can share evenly
  --batch-size N   rows a GPU and step at most (default: 16; question answering: 4)
  --seed N         (default: 1)
  --split NAME     what is evaluated: test (default) or valid
  --run NAME       folder of the run in OUT_DIR (default: METHOD-SEED)
  --stage NAME     only prepare (data, and pseudo-labels for tagging), or only finetune
  --cpu            run on the CPU, in fp32
  --dry-run        print the commands instead of running them
"""

import shlex
import sys
from pathlib import Path
from typing import List, Sequence, Tuple, Union

from fairseq_xling.files.json_text import read_object
from fairseq_xling.launching.launchers import launched, launched_processes
from fairseq_xling.launching.training_length import updates_of_command
from recipes.command_line import (
    USER_DIR,
    WrongUse,
    check_counts,
    options,
    program,
    read_options,
    runner,
    script,
)
from recipes.hyperparameters import BENCHMARKS, METHODS, ROWS, TRAINING

# Updates, or what a dry run shows where it cannot count them.
Updates = Union[int, str]


def main(words: Sequence[str]) -> None:
    """Run what the arguments say; see the usage.

    Raises:
        WrongUse: an argument is wrong.
        UserError: a command failed, or updates cannot be counted.
    """
    if len(words) < 3:
        raise WrongUse()
    recipe = FineTuning(*words[:3], words[3:])
    stage = recipe.found.stage
    if recipe.launched is not None:
        recipe.require_data()
    if stage != "finetune":
        recipe.prepare()
    elif not recipe.run.dry_run:
        recipe.require_data()
    if stage != "prepare":
        recipe.finetune()


class FineTuning:
    """A method on a benchmark.

    Args:
        task: the benchmark.
        raw: folder of its raw data.
        out: folder to write.
        words: the options.

    Raises:
        WrongUse: an argument is wrong.
    """

    def __init__(self, task: str, raw: str, out: str, words: Sequence[str]) -> None:
        if task not in BENCHMARKS:
            *names, last = BENCHMARKS
            raise WrongUse(f"unknown task {task}; give {', '.join(names)} or {last}")
        self.task, self.raw, self.out, self.benchmark = task, raw, out, BENCHMARKS[task]
        found, self.more = read_options(
            words, model="xlmr.large", arch="xmixup_xlmr", method="xmixup",
            gpus="", batch_size=str(self.benchmark.batch_size), seed="1",
            split="test", run="", stage="all",
        )  # fmt: skip
        self.launched = launched()
        gpus = str(launched_processes(found.cpu))
        found.gpus = found.gpus or gpus
        check_counts(gpus=found.gpus, batch_size=found.batch_size)
        if self.launched is not None and found.gpus != gpus:
            raise WrongUse(
                f"--gpus {found.gpus}: {gpus} processes are started; leave it out"
            )
        if found.split not in ("test", "valid"):
            raise WrongUse(f"--split {found.split}: give test or valid")
        if found.stage not in ("all", "prepare", "finetune"):
            raise WrongUse(f"--stage {found.stage}: give prepare or finetune")
        if found.method not in METHODS:
            raise WrongUse(f"unknown method {found.method}", True)
        if found.method in self.benchmark.has_no:
            reason = self.benchmark.has_no[found.method]
            raise WrongUse(f"--method {found.method}: {task} {reason}")
        self.found, self.run = found, runner(found)
        self.data = f"{out}/data-bin"
        self.manifest = Path(self.data, "manifest.json")
        self.batch_size, self.update_freq = share_out(
            int(found.gpus), int(found.batch_size)
        )
        self.device = "--cpu" if found.cpu else "--fp16"
        # Of commands that share rows between processes.
        self.sharing = options(
            distributed_world_size=int(found.gpus) > 1 and found.gpus
        )

    def require_data(self) -> None:
        """Refuse to go on where the data are not there, which one process makes."""
        if not self.manifest.exists():
            how = " in one process" if self.launched is not None else ""
            raise WrongUse(
                f"{self.data}: not there yet; run --stage prepare{how} first"
            )

    def prepare(self) -> None:
        """Binarize the data; where it takes a model to label them, let it."""
        raw = [self.raw, *options(destdir=self.data, model=self.found.model)]
        self.run(
            [*script(f"preprocess/{self.task}.py"), *raw, *self.benchmark.raw_options],
            done=self.manifest,
        )
        if self.lacks_tags(self.found.method):
            self.pseudo_label()

    def finetune(self) -> None:
        """Train and evaluate."""
        found, method = self.found, METHODS[self.found.method]
        # The zero-shot model is the translate-test model, too: trained once.
        name = f"{found.method.replace('translate-test', 'zero-shot')}-{found.seed}"
        folder = Path(self.out, found.run or name)
        results = f"{self.out}/results/{found.method}-{found.seed}"
        if found.run:
            results = f"{folder}/results-{found.split}"
        elif found.split != "test":
            results += f"-{found.split}"
        self.train(found.method, folder)
        predict = self.benchmark.chooses_stream and method.predict
        words = options(
            path=folder / "checkpoint_best.pt", split=found.split, predict=predict,
            cpu=found.cpu, names=found.method, results_path=results,
        )  # fmt: skip
        self.run([program("xling-evaluate"), self.data, *words, *self.sharing])

    def lacks_tags(self, method: str) -> bool:
        """Whether a method still lacks the tags of translated words."""
        if not self.benchmark.pseudo_labels or METHODS[method].reads_labels_alone:
            return False
        if not self.manifest.exists():
            return True
        train = read_object(self.manifest)["splits"].get("train", {})
        return not any("soft_tags" in entry["streams"] for entry in train.values())

    def pseudo_label(self) -> None:
        """Give translated words the soft tags of a source model."""
        folder = Path(self.out, f"zero-shot-{self.found.seed}")
        best, last = (folder / f"checkpoint_{x}.pt" for x in ("best", "last"))
        # A training that was stopped half-way has a best checkpoint, too; it goes on.
        is_whole = (folder / "trained").exists() or not last.exists()
        if not (best.exists() and is_whole):
            self.train("zero-shot", folder)
        label = [program("xling-pseudo-label"), self.data, *options(path=best)]
        self.run([*label, self.device, *self.sharing])

    def train(self, method: str, folder: Path) -> None:
        """Train; fairseq goes on from what is there.

        The file ``trained`` tells with which options it came to its end; with the same
        ones there is nothing to do.
        """
        benchmark = self.benchmark
        own = METHODS[method].options.format(metric=benchmark.metric).split()
        training = [self.data, *benchmark.lengths.split(), *TRAINING, *options(
            user_dir=USER_DIR, task=f"xmixup_{self.task}", arch=self.found.arch,
            finetune_from_model=self.found.model, lr=benchmark.lr,
            max_epoch=benchmark.epochs, batch_size=self.batch_size,
            update_freq=self.update_freq, best_checkpoint_metric=benchmark.metric,
            distributed_world_size=self.found.gpus, seed=self.found.seed,
            log_file=folder / "train.log", save_dir=folder,
        ), self.device]  # fmt: skip
        if self.launched is not None and self.launched.port is not None:
            training += options(distributed_port=self.launched.port)
        total = self.count_updates(method, [*training, *own, *self.more])
        # Validated and saved some twenty times, whatever the length. Without gradients,
        # eight times the rows fit.
        every = share(total, 20)
        schedule = options(
            total_num_update=total,
            warmup_updates=benchmark.warms_up and share(total, 10),
            validate_interval_updates=every, save_interval_updates=every,
            batch_size_valid=8 * int(self.found.batch_size),
        )  # fmt: skip
        words = [*training, *schedule, *own, *self.more]
        told, command = folder / "trained", shlex.join(map(str, words))
        is_there = told.exists() and told.read_text(encoding="utf-8") == command
        if is_there and (folder / "checkpoint_best.pt").exists():
            return
        # Its log is opened before fairseq makes the folder.
        if not self.run.dry_run:
            folder.mkdir(parents=True, exist_ok=True)
        self.run([program("fairseq-train"), *words])
        if not self.run.dry_run:
            told.write_text(command, encoding="utf-8")

    def count_updates(self, method: str, words: List[str]) -> Updates:
        """How many a training takes; what is not there yet cannot be counted."""
        is_lacking = self.run.dry_run and self.lacks_tags(method)
        if is_lacking or not self.manifest.exists():
            return "(computed from the data)"
        return updates_of_command(words)


def share_out(gpus: int, most: int) -> Tuple[int, int]:
    """Rows a GPU and step, and steps of an update.

    Of all ways to share out the rows of an update, the one that comes nearest from
    below and, among equals, takes the fewest steps.

    Args:
        gpus: how many there are.
        most: rows that fit on one.

    Raises:
        WrongUse: more GPUs than rows.
    """
    if gpus > ROWS:
        raise WrongUse(
            f"--gpus {gpus}: an update has {ROWS} rows, so give {ROWS} at most"
        )
    steps = {each: ROWS // (each * gpus) for each in range(min(most, ROWS), 0, -1)}
    batch = max(steps, key=lambda each: each * steps[each])
    rows = batch * steps[batch] * gpus
    if rows != ROWS:
        print(
            f"note: {rows} rows an update, as {gpus} GPUs cannot share {ROWS} evenly",
            file=sys.stderr,
        )
    return batch, steps[batch]


def share(updates: Updates, parts: int) -> Updates:
    """One of so many parts of a training, rounded up."""
    return updates if isinstance(updates, str) else -(-updates // parts)
