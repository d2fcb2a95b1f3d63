"""The recipes: every method prints commands that fairseq understands."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fairseq import options
from pair_data import write_pair_data
from training import ROOT, environment

import fairseq_xling  # noqa: F401

METHODS = {
    "xmixup": ({}, "mean"),
    "no-mixup": ({"mixup_layer": "0"}, "mean"),
    "no-mixup-inference": ({"no_mixup_inference": True}, "mean"),
    "no-scheduled-sampling": ({"scheduled_sampling_decay": 0.0}, "mean"),
    "constant-ratio": ({"mixup_ratio": "constant"}, "mean"),
    "no-mse": ({"representation_loss_weight": 0.0}, "mean"),
    "no-kl": ({"prediction_loss_weight": 0.0}, "mean"),
    "no-consistency": (
        {"representation_loss_weight": 0.0, "prediction_loss_weight": 0.0},
        "mean",
    ),
    "zero-shot": (
        {"training_set": "source", "best_checkpoint_metric": "accuracy_en"},
        "target",
    ),
    "translate-test": ({"training_set": "source"}, "source"),
    "translate-train": ({"training_set": "concatenated"}, "target"),
    "supervised": (
        {"training_set": "concatenated", "train_subset": "supervised"},
        "target",
    ),
}
PAPER = {
    "arch": "xmixup_xlmr_large",
    "criterion": "xmixup",
    "max_positions": 128,
    "truncate_sequence": True,
    "lr": [5e-6],
    "max_epoch": 4,
    "batch_size": 16,
    "scheduled_sampling_decay": 1000.0,
}


def dry_run(task, *arguments):
    script = str(ROOT / "examples" / f"{task}.sh")
    return subprocess.run(
        ["bash", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(XLING_BIN=str(Path(sys.executable).parent)),
    )


def parse(line):
    words = shlex.split(line)
    assert words[0].endswith("fairseq-train")
    return options.parse_args_and_arch(options.get_training_parser(), words[1:])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """An output folder whose data are binarized already."""
    out = tmp_path_factory.mktemp("out")
    rows = {"train": 640, "supervised": 64, "valid": 4}
    write_pair_data(out / "data-bin", rows=rows)
    return out


@pytest.mark.parametrize("method", METHODS)
def test_method_sets_its_options(prepared, method):
    wanted, predicting = METHODS[method]
    done = dry_run(
        *("xnli", "raw", prepared, "--dry-run"), *("--method", method, "--gpus", 2)
    )
    assert done.returncode == 0, done.stdout
    train, evaluate = done.stdout.strip().splitlines()
    args = parse(train)
    assert args.task == "xmixup_xnli" and args.update_freq == [2]
    for name, value in {**PAPER, **wanted}.items():
        assert getattr(args, name) == value, name
    rows = {"source": 640, "concatenated": 1920, "pairs": 1920}[args.training_set]
    if method == "supervised":
        rows = 640 + 3 * 64
    assert int(args.total_num_update) == rows * 4 // 64
    words = shlex.split(evaluate)
    assert words[words.index("--predict") + 1] == predicting


def test_preprocessing_comes_first_on_a_fresh_folder(tmp_path):
    done = dry_run("pawsx", "raw", tmp_path, "--dry-run", "--model", "xlmr.base")
    first = done.stdout.splitlines()[0]
    assert "preprocess/pawsx.py raw" in first
    assert "--spm xlmr.base/sentencepiece.bpe.model" in first


def test_more_options_are_passed_on(prepared):
    done = dry_run("xnli", "raw", prepared, "--dry-run", "--cpu", "--", "--lr", "1e-4")
    assert done.returncode == 0
    args = parse(done.stdout.splitlines()[0])
    assert args.lr == [1e-4] and args.cpu and not args.fp16


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["raw"], "usage"),
        (["raw", "out", "--method", "magic"], "error: unknown method magic"),
        (["raw", "out", "--what"], "error: unknown option --what"),
    ],
)
def test_wrong_use_is_refused(arguments, message):
    done = dry_run("xnli", *arguments)
    assert done.returncode == 2 and message in done.stdout
