"""What from_pretrained finds: checkpoints by folder and name, and other options."""

import shutil

import numpy as np
import pytest
import torch
from family_data import copy_with
from forked import call
from mixing_model import write_model
from refusals import error_of, refused

from fairseq_xling import from_pretrained
from fairseq_xling.checkpoints import paths
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

PAIR = ("der Hund", "läuft")


@pytest.fixture(scope="module")
def plain(spm, tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("plain") / "model", "xlmr", spm)


@pytest.fixture
def offered(monkeypatch):
    """What fairseq's downloads give: a folder, or None where they fail."""
    asked = []

    def offer(folder):
        def load(url):
            asked.append(url)
            return folder and str(folder)

        monkeypatch.setattr(paths.file_utils, "load_archive_file", load)
        return asked

    return offer


def test_name_is_downloaded(plain, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = offered(plain)
    (got,) = from_pretrained("xlmr.base", mixup_layer="1").mix(["Hund"], ["dog"])
    assert asked == [XMixupXLMRModel.hub_models()["xlmr.base"]]
    (want,) = from_pretrained(plain, mixup_layer="1").mix(["Hund"], ["dog"])
    np.testing.assert_array_equal(got.target.features, want.target.features)


def test_folder_of_that_name_comes_first(plain, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = offered(None)
    shutil.copytree(plain, tmp_path / "xlmr.base")
    assert from_pretrained("xlmr.base").family is None
    assert asked == []


def test_download_that_fails_names_the_archive(offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    offered(None)
    with refused(r"xlmr.base: could not .* https?://.*tar.gz"):
        from_pretrained("xlmr.base")
    with refused("xlmr.bas: no such file or folder, and not"):
        from_pretrained("xlmr.bas")


def test_best_checkpoint_comes_before_model_pt(paired, plain, tmp_path):
    def ours(state):
        state["cfg"]["task"]["data"] = "gone"

    shutil.copytree(plain, tmp_path / "model")
    assert from_pretrained(tmp_path / "model").family is None
    copy_with(paired.mixed, tmp_path / "model", ours)
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        shutil.copy(paired.data / name, tmp_path / "model")
    assert from_pretrained(tmp_path / "model").family == "classification"
    (tmp_path / "model/model.pt").unlink()
    # As a converted model has it.
    (tmp_path / "model/checkpoint_best.pt").rename(tmp_path / "model/model.pt")
    predictor = from_pretrained(str(tmp_path / "model"))
    assert predictor.predict([PAIR]) == from_pretrained(paired.mixed).predict([PAIR])
    with refused("checkpoint_last.pt: not found"):
        from_pretrained(tmp_path / "model", "checkpoint_last.pt")


def test_pretrained_model_reads_dictionary_of_another_folder(plain, tmp_path):
    shutil.copy(plain / "model.pt", tmp_path)
    with refused("dict.txt and .* not found in .*; copy them"):
        from_pretrained(tmp_path)
    (one,) = from_pretrained(tmp_path, data=plain).extract_features(["Hund"])
    (two,) = from_pretrained(plain).extract_features(["Hund"])
    np.testing.assert_array_equal(one.features, two.features)


def test_options_replace_the_checkpoints(tagged, paired):
    source = ("the dog", "runs")
    found = {}
    for layer in ("1", 2, "1,2", 0):
        predictor = from_pretrained(paired.mixed, mixup_layer=layer)
        assert predictor.predict([PAIR]) == from_pretrained(paired.mixed).predict(
            [PAIR]
        )
        found[layer] = predictor.predict([PAIR], [source])
        if layer:
            (pair,) = predictor.mix([PAIR], [source])
            numbers = [one.layer for one in pair.layers]
            assert numbers == [int(x) for x in str(layer).split(",")]
    assert found["1"] == from_pretrained(paired.mixed).predict([PAIR], [source])
    assert found[2] != found["1"] != found["1,2"] != found[0]
    constant = from_pretrained(
        paired.mixed, mixup_ratio="constant", mixup_max_ratio=0.25
    )
    assert constant.mix([PAIR], [source])[0].layers[0].ratio == 0.25
    # An option of the model and of the task.
    short = from_pretrained(tagged.mixed, max_positions=12)
    with refused(r"text 1: \d+ tokens, .* reads 12"):
        short.extract_features([["Hund"] * 12])
    assert len(short.predict([["Hund"] * 12])[0]["tags"]) == 12


@pytest.mark.parametrize(
    "options, message",
    [
        ({"mixup_layers": "1"}, "mixup_layers: not an option of a model, such as"),
        ({"mixup_layer": "x"}, "--mixup-layer x: give layer numbers"),
        ({"mixup_layer": None}, "--mixup-layer None: give layer numbers"),
        ({"mixup_layer": 9}, "the encoder has 2 layers"),
        ({"ratio_scores": "head"}, "argument --ratio-scores: invalid choice: 'head'"),
        ({"mixup_max_ratio": "big"}, "argument --mixup-max-ratio: invalid float value"),
        ({"mixup_max_ratio": 2}, "--mixup-max-ratio 2: give a value above 0"),
        (
            {"encoder_layers": 3},
            "the checkpoint has --encoder-layers 2, the model 3: leave it out",
        ),
    ],
)
def test_options_that_are_wrong_are_refused(paired, options, message):
    with refused(message):
        from_pretrained(paired.mixed, **options)


def test_command_says_that_a_pretrained_model_does_not_predict(plain, tmp_path):
    output, lines = tmp_path / "out", tmp_path / "lines"
    lines.write_text("Hund\n")
    given = [str(lines), "--path", str(plain), "--output", str(output)]
    error = error_of(call(["xling-predict", *given]))
    assert "does not tell its task and labels" in error
    assert not output.exists()


def test_model_stays_in_evaluation_mode_and_on_the_cpu(plain):
    predictor = from_pretrained(plain)
    assert not predictor.model.training
    (one,) = predictor.extract_features(["Hund"], cpu=True)
    if not torch.cuda.is_available():
        return
    (two,) = predictor.extract_features(["Hund"])
    np.testing.assert_allclose(one.features, two.features, rtol=0, atol=1e-4)
