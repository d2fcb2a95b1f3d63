"""Checkpoints of other tasks and of other versions: one line, or the right model."""

import re
import shutil
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from fairseq.checkpoint_utils import load_model_ensemble_and_task
from fairseq.criterions import CRITERION_REGISTRY
from family_data import copy_with
from forked import call
from refusals import error_of, refused
from test_hostile_checkpoints import COMMANDS, fill
from training import ROOT

from fairseq_xling import from_pretrained
from fairseq_xling.checkpoints.task_model import load_task_model

TASKS = ("sentence_prediction", "translation", "language_modeling", "masked_lm")
VALIDATE = [
    *("fairseq-validate", "{data}", f"--user-dir={ROOT / 'fairseq_xling'}"),
    *("--cpu", "--batch-size=8", "--num-workers=0", "--path={bad}"),
]


def of_task(state, task, as_args=False):
    """Make a checkpoint one of another task, as fairseq has them now or had them."""
    del state["task_state"]
    head = [key for key in state["model"] if "classification_heads" in key]
    if task != "sentence_prediction":
        for key in head:
            del state["model"][key]
    if as_args:
        model = state["cfg"]["model"]
        options = vars(model) if isinstance(model, Namespace) else model
        criterion = task if task in CRITERION_REGISTRY else "cross_entropy"
        state["args"] = Namespace(**{**options, "task": task, "criterion": criterion})
        state["cfg"] = None
    else:
        state["cfg"]["task"] = {"_name": task, "data": "/nowhere"}


def copy_of(files, folder, change):
    path = copy_with(files.good, folder, change, "model.pt")
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        shutil.copy(files.data / name, folder)
    return path


def names_of(files, path, tmp_path):
    return {**vars(files), "bad": path, "folder": path.parent, "out": tmp_path / "out"}


@pytest.mark.parametrize("as_args", [False, True], ids=["cfg", "args"])
@pytest.mark.parametrize("task", TASKS)
def test_model_of_another_task_is_refused_by_its_name(files, tmp_path, task, as_args):
    path = copy_of(files, tmp_path, lambda state: of_task(state, task, as_args))
    said = f"{re.escape(str(path))}: was trained with task {task}; give a checkpoint"
    with refused(said):
        load_task_model(str(path), str(files.data))
    typed = {"task": "multimix_xnli", "data": str(files.data)}
    with refused(said):  # as fairseq-validate does
        load_model_ensemble_and_task([str(path)], arg_overrides=typed)


READERS = [
    "fairseq-validate --path", "xling-evaluate --path", "xling-predict --path",
    "xling-pseudo-label --path", "xling-distill --path", "xling-penalty-charts --path",
    "fairseq-generate --path",
]  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_every_command_refuses_a_model_of_another_task(files, tmp_path, name):
    path = copy_of(
        files, tmp_path / "model", lambda state: of_task(state, "sentence_prediction")
    )
    command = fill(COMMANDS[name], **names_of(files, path, tmp_path))
    assert str(path) in error_of(call(command))


def test_features_of_a_model_of_another_task_are_given(files, tmp_path):
    path = copy_of(files, tmp_path, lambda state: of_task(state, TASKS[0]))
    assert len(from_pretrained(path).extract_features(["the dog"])) == 1


def changed(part, **options):
    """A change of a checkpoint's stored options; None removes one."""

    def change(state):
        held = state["cfg"][part]
        held = vars(held) if isinstance(held, Namespace) else held
        for name, value in options.items():
            if value is None:
                held.pop(name, None)
            else:
                held[name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("task", of_a_later_version=3),
        changed("criterion", of_a_later_version="x"),
        changed("model", of_a_later_version=[1]),
        changed("common", user_dir="/gone", of_a_later_version=1),
        changed("task", data=None),
        changed("task", data="/gone", target_langs=None, training_set=None),
        changed("criterion", confidence_penalty=None),
        changed("model", num_segments=None, layer_norm_eps=None, ratio_scores=None),
        changed("model", max_positions=None),
    ],
)
def test_options_of_another_version_do_not_matter(files, tmp_path, change):
    path = copy_of(files, tmp_path, change)
    task, model = load_task_model(str(path), str(files.data))
    assert task.cfg.data == str(files.data)
    want = load_task_model(str(files.good), str(files.data))[1].state_dict()
    assert all(torch.equal(model.state_dict()[k], v) for k, v in want.items())
    typed = {"task": "multimix_xnli", "data": str(files.data)}
    _, cfg, task = load_model_ensemble_and_task([str(path)], arg_overrides=typed)
    assert task.build_criterion(cfg.criterion).confidence_penalty == 1


@pytest.mark.parametrize("stored", [None, False])
def test_typed_option_goes_before_what_is_stored(files, tmp_path, stored):
    path = copy_of(files, tmp_path, changed("task", no_mixup_inference=stored))
    options = {"no_mixup_inference": True, "target_langs": "de"}
    task, _ = load_task_model(str(path), str(files.data), **options)
    assert task.cfg.no_mixup_inference and task.cfg.target_langs == "de"


def test_typed_task_goes_before_the_stored_one(files):
    command = fill([*VALIDATE, "--task=xmixup_panx"], data=files.data, bad=files.good)
    error = error_of(call(command))
    assert str(files.data) in error and "holds xnli data; this task reads panx" in error


@pytest.mark.parametrize(
    "change",
    [
        changed("task", training_set="something"),
        changed("model", _name="of_a_later_version"),
        lambda state: state.update(cfg=None),
        lambda state: state["model"].pop("encoder.lm_head.bias"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(files, tmp_path, change):
    path = copy_of(files, tmp_path, change)
    with refused(re.escape(str(path))):
        load_task_model(str(path), str(files.data))
    assert Path(path).exists()
