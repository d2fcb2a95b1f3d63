"""The manifest: what was written is read, and damage is one clear line."""

import json

import pytest
from pair_data import write_pair_data
from refusals import refused

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.files.hashes import sha256_of


def test_manifest_survives_a_round_trip(tmp_path):
    folder = write_pair_data(tmp_path / "a")
    manifest = Manifest.load(folder)
    manifest.save(tmp_path / "b")
    assert Manifest.load(tmp_path / "b") == manifest
    assert manifest.splits["train"]["de"].rows == 24


def test_folder_without_manifest_is_refused(tmp_path):
    with refused("manifest.json: not found.*preprocess"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}', '{"format": 2}'])
def test_damaged_manifest_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with refused("manifest.json"):
        Manifest.load(tmp_path)


def test_manifest_with_unknown_field_is_refused(tmp_path):
    folder = write_pair_data(tmp_path / "a")
    raw = json.loads((folder / "manifest.json").read_text())
    raw["surprise"] = 1
    (folder / "manifest.json").write_text(json.dumps(raw))
    with refused("surprise"):
        Manifest.load(folder)


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "x") == want
