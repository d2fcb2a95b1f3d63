"""Checkpoints load without running code; what would run code is refused by name."""

import argparse
import pickle
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from fairseq import checkpoint_utils
from hostile import Code
from omegaconf import OmegaConf
from refusals import refused
from small_model import checkpoint

from fairseq_xling.checkpoints.opening import look_into, open_checkpoint
from fairseq_xling.checkpoints.stored_options import stored_options, stored_task


def test_checkpoint_with_options_as_namespace_loads(tmp_path):
    path = tmp_path / "model.pt"
    args = argparse.Namespace(arch="roberta_base", criterion="masked_lm", lr=[0.1])
    torch.save(checkpoint(args, OrderedDict(x=torch.ones(2))), path)
    state = open_checkpoint(path)
    assert state["args"].arch == "roberta_base"
    assert torch.equal(state["model"]["x"], torch.ones(2))


def test_checkpoint_with_code_is_refused_by_name_and_does_not_run(tmp_path):
    path, mark = tmp_path / "model.pt", tmp_path / "ran"
    torch.save({"args": None, "model": {}, "extra": Code(mark)}, path)
    with refused(r"model.pt: refused.*\bmkdir\b"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert not mark.exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b"not a checkpoint", "not a fairseq checkpoint"),
        (pickle.dumps([1])[:3], "not a fairseq checkpoint"),
    ],
)
def test_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with refused(f"model.pt: {message}"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_hugging_faces_weights_are_named_with_their_converter(tmp_path, name):
    path = tmp_path / name
    weights = {"encoder.weight": torch.zeros(2)}
    if path.suffix == ".bin":
        torch.save(weights, path)
    else:
        safetensors.torch.save_file(weights, path)
    with refused(f"{name}: Hugging Face's w.*convert_hf.py"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))


FORMS = {
    "args": lambda options: {"args": argparse.Namespace(task="xmixup_xnli", **options)},
    "mapping": lambda options: {"cfg": {"task": {"_name": "xmixup_xnli", **options}}},
    "namespace": lambda options: {
        "cfg": {"task": argparse.Namespace(_name="xmixup_xnli", **options)}
    },
    "OmegaConf's": lambda options: {
        "cfg": OmegaConf.create({"task": {"_name": "xmixup_xnli", **options}})
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_options_are_read_in_whatever_form_they_are_stored(form):
    state = FORMS[form]({"data": "bin", "languages": ["en", "de"]})
    options = stored_options(state, "task")
    assert (options["data"], options["languages"]) == ("bin", ["en", "de"])
    assert stored_task(state) == "xmixup_xnli"


def test_checkpoint_without_options_has_none():
    for state in ({}, {"args": None, "cfg": None}, {"cfg": {"model": None}}):
        assert stored_options(state, "model") == {} and stored_task(state) is None


@pytest.mark.parametrize("is_zip", [True, False])
def test_what_is_only_looked_at_is_read_as_safely(tmp_path, is_zip):
    path, mark = tmp_path / "model.pt", tmp_path / "ran"
    state = {"args": argparse.Namespace(lr=[0.1]), "model": {"x": torch.ones(2)}}
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    assert torch.equal(look_into(path)["model"]["x"], torch.ones(2))
    torch.save({"x": Code(mark)}, path, _use_new_zipfile_serialization=is_zip)
    with refused(f"{path}: refused"):
        look_into(path)
    assert not mark.exists()
