"""Half precision: bf16 without a TPU in training, and in the commands that predict."""

import argparse
import importlib
import math
import pkgutil

import pytest
import torch
from family_data import logged, question_folder, tag_folder, train
from pair_data import write_pair_data

from fairseq_xling import cli
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.evaluation.evaluate import predict_split
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.precision import DTYPES


def write_pairs(folder, spm):
    return write_pair_data(folder / "bin", {"train": 20, "valid": 8, "test": 2})


def write_tags(folder, spm):
    return tag_folder(folder / "raw", spm)


def write_questions(folder, spm):
    return question_folder(folder / "raw", spm)


FAMILIES = {
    "xmixup_xnli": (write_pairs, ()),
    "multimix_xnli": (write_pairs, ("--criterion=confidence_penalty",)),
    "xmixup_udpos": (write_tags, ("--training-set=source",)),
    "xmixup_xquad": (write_questions, ()),
}


@pytest.mark.parametrize("task", FAMILIES)
def test_bf16_trains_validates_and_predicts(task, spm, tmp_path):
    make, further = FAMILIES[task]
    data = make(tmp_path, spm)
    log = train(task, data, tmp_path / "save", "--bf16", "--max-update=2", *further)
    for kind, loss in (("train_inner", "loss"), ("valid", "valid_loss")):
        found = logged(log, kind)
        assert found and all(math.isfinite(float(one[loss])) for one in found)
    path = tmp_path / "save/checkpoint_last.pt"
    common = torch.load(path, weights_only=True)["cfg"]["common"]
    assert common["bf16"] and not common["tpu"]
    for precision in ("fp32", "bf16"):
        loaded, model = load_task_model(str(path), str(data))
        batches = BatchOptions(batch_size=8, cpu=True, bf16=precision == "bf16")
        predicted = predict_split(loaded, model, "valid", batches)
        assert {x.dtype for x in model.parameters()} == {DTYPES[precision]}
        assert predicted and all(one.is_finite for one in predicted.values())


def parsers_of(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from parsers_of(one)


def test_every_command_with_one_half_precision_has_the_other():
    names = [one.name for one in pkgutil.iter_modules(cli.__path__)]
    modules = [importlib.import_module(f"{cli.__name__}.{name}") for name in names]
    having = 0
    for module in modules:
        if hasattr(module, "build_parser") and hasattr(module, "cli_main"):
            for parser in parsers_of(module.build_parser()):
                known = parser._option_string_actions
                assert ("--fp16" in known) == ("--bf16" in known), parser.prog
                having += "--bf16" in known
    assert having >= 6
