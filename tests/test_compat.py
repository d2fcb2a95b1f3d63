"""Checkpoints load without running code; what would run code is refused by name."""

import argparse
import os
import pickle
import re
from collections import OrderedDict

import fairseq.options
import pytest
import safetensors.torch
import torch
from fairseq import checkpoint_utils
from small_model import checkpoint
from training import command, run

import fairseq_xling
from fairseq_xling import compat
from fairseq_xling.errors import UserError, find_user_error


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_checkpoint_with_options_as_namespace_loads(tmp_path):
    path = tmp_path / "model.pt"
    args = argparse.Namespace(arch="roberta_base", criterion="masked_lm", lr=[0.1])
    torch.save(checkpoint(args, OrderedDict(x=torch.ones(2))), path)
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert state["args"].arch == "roberta_base"
    assert torch.equal(state["model"]["x"], torch.ones(2))


def test_checkpoint_with_code_is_refused_by_name_and_does_not_run(tmp_path):
    path, mark = tmp_path / "model.pt", tmp_path / "ran"
    torch.save({"args": None, "model": {}, "extra": Bomb(mark)}, path)
    with pytest.raises(UserError, match=r"model.pt: refused.*\bopen\b") as error:
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert "\n" not in str(error.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["xling-evaluate", "{data}", "--path", "{path}"],
        [
            "fairseq-train",
            "{data}",
            "--user-dir=fairseq_xling",
            "--task=xmixup_xnli",
            "--arch=xmixup_xlmr_mini",
            "--criterion=xmixup",
            "--batch-size=2",
            "--cpu",
            "--restore-file={path}",
            "--save-dir={save}",
        ],
    ],
)
def test_commands_refuse_it_too(tmp_path, arguments):
    from pair_data import write_pair_data

    path, mark = tmp_path / "model.pt", tmp_path / "ran"
    torch.save({"args": None, "model": {}, "extra": Bomb(mark)}, path)
    names = {"data": write_pair_data(tmp_path / "bin"), "path": path}
    names["save"] = tmp_path / "save"
    filled = [argument.format(**names) for argument in arguments]
    done = run([command(filled[0]), *filled[1:]], check=False)
    assert done.returncode == 1
    assert done.stdout.strip().splitlines()[-1].startswith("error: ")
    assert "refused" in done.stdout and "Traceback" not in done.stdout
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
    with pytest.raises(UserError, match=f"model.pt: {message}") as error:
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert "\n" not in str(error.value)


def test_user_error_is_found_behind_other_errors():
    with pytest.raises(Exception) as caught:
        try:
            raise UserError("the cause")
        except ValueError:
            raise Exception("what fairseq says")  # noqa: B904
    assert str(find_user_error(caught.value)) == "the cause"
    assert find_user_error(KeyError("other")) is None


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    assert fairseq_xling.__version__ == version("fairseq_xling")


def test_memory_of_onednn_is_bounded_unless_the_user_says_otherwise(monkeypatch):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    compat.bound_primitive_cache()
    assert os.environ[name] == compat.PRIMITIVES
    monkeypatch.setenv(name, "7")
    compat.bound_primitive_cache()
    assert os.environ[name] == "7"


@pytest.mark.parametrize(
    "options, told",
    [
        (["--memory-efficient-fp16", "--lr=5e-6"], "--lr 5e-06.*give --fp16 instead"),
        (["--memory-efficient-bf16", "--lr=5e-6"], "--lr 5e-06.*give --bf16 instead"),
        (["--memory-efficient-fp16", "--lr=5e-4"], None),
        (["--bf16", "--lr=5e-6"], None),
    ],
)
def test_steps_that_half_precision_would_lose_are_told_of(caplog, options, told):
    parser = fairseq.options.get_training_parser()
    command = ["data", "--optimizer=adam", "--arch=xmixup_xlmr_mini", *options]
    args = fairseq.options.parse_args_and_arch(parser, command)
    assert not args.tpu
    assert bool(told) == bool(caplog.messages)
    assert told is None or re.search(told, caplog.text)


def test_two_half_precisions_are_refused():
    parser = fairseq.options.get_training_parser()
    with pytest.raises(UserError, match="--fp16 with --bf16"):
        fairseq.options.parse_args_and_arch(
            parser, ["data", "--arch=xmixup_xlmr_mini", "--fp16", "--bf16"]
        )


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_hugging_faces_weights_are_named_with_their_converter(tmp_path, name):
    path = tmp_path / name
    weights = {"encoder.weight": torch.zeros(2)}
    if path.suffix == ".bin":
        torch.save(weights, path)
    else:
        safetensors.torch.save_file(weights, path)
    with pytest.raises(UserError, match=f"{name}: Hugging Face's w.*convert_hf.py"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
