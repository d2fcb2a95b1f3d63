"""Files that are not what their names say: one line that tells what they are."""

import re
import shutil

import pytest
import torch
from augment_data import draw_pairs, write_lm, write_pairs
from fairseq.checkpoint_utils import load_checkpoint_to_cpu
from refusals import refused

from fairseq_xling import augment, from_pretrained
from fairseq_xling.cli import convert_hf
from fairseq_xling.cli.preprocess import preprocess
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.streams import open_streams

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 1115567652\n"
)
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n"
STAND_INS = {
    "a git-lfs pointer": POINTER,
    "a web page": PAGE,
    "empty": b"",
    "a folder": None,
}
MODEL_FILES = ("model.pt", "dict.txt", "sentencepiece.bpe.model")


def put(path, content):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.mkdir() if content is None else path.write_bytes(content)


@pytest.fixture(scope="module")
def model(spm, tmp_path_factory):
    return write_lm(tmp_path_factory.mktemp("model") / "lm", spm).parent


@pytest.fixture
def folder(model, tmp_path):
    return shutil.copytree(model, tmp_path / "model")


def check(call, path, kind):
    with refused(f"{re.escape(str(path))}.*{kind}"):
        call()


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("name", MODEL_FILES)
def test_file_of_a_model_that_is_none_is_named(folder, name, kind):
    put(folder / name, STAND_INS[kind])
    if (name, kind) == ("dict.txt", "empty"):
        pytest.skip("refused as one that lacks the tokenizer's pieces")
    # A folder in the checkpoint's place is looked into.
    is_folder = (name, kind) == ("model.pt", "a folder")
    path = folder if is_folder else folder / name
    check(lambda: from_pretrained(folder), path, kind)
    check(lambda: augment(["a"], str(folder)), path, kind)


@pytest.mark.parametrize("kind", STAND_INS)
def test_checkpoint_to_start_from_that_is_none_is_named(folder, kind):
    path = folder / "model.pt"
    put(path, STAND_INS[kind])
    check(lambda: load_checkpoint_to_cpu(str(path)), path, kind)


@pytest.mark.parametrize(
    "value", [[1, 2], torch.zeros(3), {"a": 1}, {"args": 1, "model": 2}, "text", None]
)
def test_other_values_that_torch_loads_are_no_checkpoint(folder, value):
    torch.save(value, folder / "model.pt")
    path = str(folder / "model.pt")
    check(lambda: load_checkpoint_to_cpu(path), path, "not a fairseq checkpoint")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_adapter_without_its_model_is_named(tmp_path, name):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / name).write_text("{}")
    kind = r"an adapter \(PEFT, LoRA\) without its model; merge it"
    command = [str(folder), "--destdir", str(tmp_path / "out")]
    check(lambda: convert_hf.main(command), folder, kind)
    check(lambda: from_pretrained(folder), folder, kind)
    check(lambda: load_checkpoint_to_cpu(str(folder / name)), folder / name, kind)


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_of_hugging_face_that_are_none_are_named(tmp_path, kind, name):
    from fairseq_xling.interop.hf_folder import read_file

    put(tmp_path / name, STAND_INS[kind])
    check(lambda: read_file(tmp_path / name), tmp_path / name, kind)


@pytest.mark.parametrize("kind", ["a git-lfs pointer", "a web page", "a folder"])
@pytest.mark.parametrize("ending", [".bin", ".idx"])
def test_binarized_data_that_are_none_are_named(spm, tmp_path, kind, ending):
    splits = {"train": {lang: draw_pairs(lang, 4, 1) for lang in ("en", "de")}}
    data = write_pairs(tmp_path / "bin", spm, splits)
    path = data / f"train.de.input{ending}"
    put(path, STAND_INS[kind])
    manifest = Manifest.load(data)
    check(lambda: open_streams(str(data), manifest, "train", "de", set()), path, kind)


@pytest.mark.parametrize("name", ["train-en.tsv", "dev-de.tsv"])
def test_raw_data_that_are_a_pointer_are_named(spm, raw, tmp_path, name):
    put(raw / name, POINTER)
    command = [str(raw), "--spm", spm.model, "--dict", spm.dictionary]
    command += ["--destdir", str(tmp_path / "out")]
    check(lambda: preprocess("xnli", command), raw / name, "a git-lfs pointer")
    assert not (tmp_path / "out").exists()


def test_dictionary_that_is_none_is_named(tmp_path):
    put(tmp_path / "dict.txt", PAGE)
    path = tmp_path / "dict.txt"
    check(lambda: load_dictionary(str(path)), path, "a web page")
