"""A recipe's schedule ends with its training, whatever the dataset holds."""

import logging
import re
import runpy
import shlex
import sys
from types import SimpleNamespace

import pytest
import torch
from fairseq import options, tasks
from fairseq.data import FairseqDataset
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks import FairseqTask
from family_data import logged
from forked import run_in_fork
from pair_data import write_pair_data
from question_data import write_question_data
from recipe_calls import UPDATES, call_recipe, counted
from refusals import refused
from small_data import tiny_dictionary
from small_model import checkpoint, small_args
from tag_data import write_tag_data
from training import ROOT

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.launching.training_length import count_updates, updates_of_command
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

POSITIONS = 40
WRITERS = {
    "xnli": lambda folder: write_pair_data(folder, {"train": 25, "valid": 3}),
    "panx": lambda folder: write_tag_data(
        folder, {"train": 25, "valid": 3}, longest=60
    ),
    "xquad": lambda folder: write_question_data(
        folder, {"train": 25, "valid": 3}, longest=90
    ),
}


def train_words(task, out, *more):
    """The training that a recipe prints, and what it would do."""
    given = ["--model", out, "--cpu", "--dry-run", "--", *more]
    done = call_recipe(task, "raw", out, *given, f"--max-positions={POSITIONS}")
    assert done.returncode == 0, done.stdout
    return shlex.split(done.stdout.splitlines()[0])


def write_model(folder):
    dictionary = tiny_dictionary()
    dictionary.add_symbol("<mask>")
    task = SimpleNamespace(
        source_dictionary=dictionary, max_positions=lambda: POSITIONS
    )
    shape = {"encoder_ffn_embed_dim": 32, "max_positions": POSITIONS}
    args = small_args(arch="xmixup_xlmr_mini", **shape)
    model = XMixupXLMRModel.build_model(args, task)
    torch.save(checkpoint(args, model.state_dict()), folder / "model.pt")


@pytest.mark.parametrize("task", WRITERS)
def test_the_schedule_ends_with_the_training(tmp_path, task):
    data = WRITERS[task](tmp_path / "data-bin")
    write_model(tmp_path)
    words = train_words(
        *(task, tmp_path, "--num-workers=0", "--log-format=json", "--log-interval=1"),
        *(["--doc-stride=16"] if task == "xquad" else []),
    )
    updates = updates_of_command(list(counted))
    train = Manifest.load(str(data)).splits["train"]
    rows = sum(entry.rows for entry in train.values())
    epochs = 2 if task == "xquad" else 4
    # 75 pairs are an update and a short one; windows are many more than rows.
    assert updates == 2 * epochs if task == "xnli" else updates > rows * epochs // 64
    schedule = {str(UPDATES): updates, "217": -(-updates // 3), "433": updates // 10}
    words = [str(schedule.get(word, word)) for word in words]
    (tmp_path / "xmixup-1").mkdir()
    done = run_in_fork(words)
    assert done.returncode == 0, done.stdout[-3000:]
    steps = logged(done.stdout, "train_inner")
    assert len(steps) == int(steps[-1]["num_updates"]) == updates
    rates = [float(step["lr"]) for step in steps]
    assert rates[-1] == 0 and min(rates[:-1]) > 0
    # Saved on the way, too, and nothing is left beside the two that are read.
    assert len(logged(done.stdout, "valid")) > epochs
    written = sorted(path.name for path in (tmp_path / "xmixup-1").glob("*.pt"))
    assert written == ["checkpoint_best.pt", "checkpoint_last.pt"]


def test_processes_and_limits_are_counted(tmp_path):
    data = WRITERS["xnli"](tmp_path / "data")
    words = [str(data), "--task=xmixup_xnli", "--arch=xmixup_xlmr_mini"]
    args = options.parse_args_and_arch(options.get_training_parser(), words)
    cfg = convert_namespace_to_omegaconf(args)

    def updates(**changes):
        for name, value in changes.items():
            part = "optimization" if name in cfg.optimization else "dataset"
            if name == "distributed_world_size":
                part = "distributed_training"
            cfg[part][name] = value
        return count_updates(cfg)

    with refused("--max-epoch, --max-update: give one"):
        updates()
    # 75 rows are 10 batches of 8 at most.
    assert updates(max_epoch=3, batch_size=8) == 30
    assert updates(update_freq=[4]) == 9
    assert updates(update_freq=[1, 10]) == 12
    assert updates(update_freq=[1], distributed_world_size=8) == 6
    assert updates(max_update=5) == 5
    assert updates(max_epoch=0) == 5
    # By tokens, short rows go into larger batches.
    by_tokens = {"batch_size": None, "max_tokens": 100, "max_update": 0}
    assert 10 < updates(max_epoch=1, distributed_world_size=1, **by_tokens) < 75


def test_page_names_the_updates_of_xnli(monkeypatch):
    page = (ROOT / "fairseq_xling/tasks/README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^fairseq-train data-bin/xnli [^`]*?\n\n", page, re.M)
    words = [word for word in shlex.split(command) if word.strip()]

    class Task(FairseqTask):
        def load_dataset(self, split, **kwargs):
            self.datasets[split] = FairseqDataset()

        def max_positions(self):
            return 128

        def get_batch_iterator(self, dataset, max_sentences, **kwargs):
            # Rows of English and its 14 translations.
            return range(-(-15 * 392702 // max_sentences))

    monkeypatch.setattr(tasks, "setup_task", Task)
    named = int(words[words.index("--total-num-update") + 1])
    assert updates_of_command(words[1:]) == named == 368160


def test_a_shell_is_told_the_updates(tmp_path, monkeypatch, capsys):
    data = WRITERS["xquad"](tmp_path / "data")
    words = ["--task=xmixup_xquad", "--arch=xmixup_xlmr_mini", "--doc-stride=16"]
    words += [f"--max-positions={POSITIONS}", "--batch-size=4", "--max-epoch=2"]
    words.append(f"--user-dir={ROOT / 'fairseq_xling'}")
    monkeypatch.setattr(sys, "argv", ["count_updates", str(data), *words])
    monkeypatch.setattr(logging, "disable", lambda level: None)
    runpy.run_module("fairseq_xling.cli.count_updates", run_name="__main__")
    assert int(capsys.readouterr().out) > 75 * 2 // 4
