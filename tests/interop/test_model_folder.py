"""A model by whatever names it: folders of both forms, and names."""

import json
import shutil
import threading
import time
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from augment_data import write_lm
from forked import ForkedCommand, run_in_fork
from hf_models import convert, edit_config, tensors, write_hf
from recipe_calls import call_recipe
from refusals import refused
from safetensors.torch import save_file
from training import train_command

from fairseq_xling import from_pretrained, stages
from fairseq_xling.cli import preprocess
from fairseq_xling.errors import UserError
from fairseq_xling.interop import model_folder
from fairseq_xling.interop.model_folder import find_model, find_vocabulary
from fairseq_xling.interop.tokenizer_export import give_fast_xlmr

SENTENCE = "der Hund läuft"


@pytest.fixture(scope="module")
def hugging_face(spm, tmp_path_factory):
    """A Hugging Face folder, and the model in it."""
    folder = tmp_path_factory.mktemp("hf") / "small"
    model = write_hf(
        "xlmr",
        "ForMaskedLM",
        folder,
        spm,
        max_position_embeddings=140,
        layer_norm_eps=3e-5,
    )
    return folder, model


def copy_of(hugging_face, folder):
    return Path(shutil.copytree(hugging_face[0], folder))


def test_hugging_faces_folder_is_converted_once(hugging_face, tmp_path, monkeypatch):
    source = copy_of(hugging_face, tmp_path / "small")
    data = tmp_path / "bin/data"
    path = find_model(source, data)
    folder = Path(path).parent
    assert folder.parent == tmp_path / "bin/models"
    assert folder.name.startswith("small-")
    convert(source, "--destdir", tmp_path / "by-hand")
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        assert (folder / name).read_bytes() == (
            tmp_path / "by-hand" / name
        ).read_bytes()
    assert find_vocabulary(source, data) == (
        str(folder / "sentencepiece.bpe.model"),
        str(folder / "dict.txt"),
    )
    with monkeypatch.context() as patch:
        patch.setattr(model_folder, "convert", None)
        assert find_model(source, data) == find_model(folder) == path
        assert find_model(path) == path
    # Other weights, or constants, are another model.
    held = tensors(source)
    held["lm_head.bias"] += 1
    save_file(held, str(source / "model.safetensors"), {"format": "pt"})
    second = find_model(source, data)
    edit_config(source, layer_norm_eps=1e-5)
    third = find_model(source, data)
    assert len({path, second, third}) == 3
    names = [one.name for one in (tmp_path / "bin/models").iterdir()]
    assert len(names) == 3 and not any(name.startswith(".") for name in names)


def test_of_processes_that_want_it_at_once_one_makes_it(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text("{}")
    made = []

    def make(source, work, task, lang, destdir):
        made.append(work)
        time.sleep(0.2)
        (work / "model.pt").touch()

    monkeypatch.setattr(model_folder, "convert", make)
    monkeypatch.setattr(model_folder, "find_benchmark", lambda source: None)
    data, found = tmp_path / "bin", []
    threads = [
        threading.Thread(target=lambda: found.append(find_model(source, data)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(found) == 3 and len(set(found)) == 1
    # What a killed process left goes.
    folder = Path(found[0]).parent
    left = folder.with_name(f".{folder.name}.abcdefgh")
    left.mkdir()
    shutil.rmtree(folder)
    assert find_model(source, data) == found[0]
    assert not left.exists()


def test_what_cannot_be_converted_is_refused_and_leaves_nothing(
    spm, hugging_face, tmp_path
):
    tuned = tmp_path / "tuned"
    write_hf("xlmr", "ForSequenceClassification", tuned, spm)
    other = copy_of(hugging_face, tmp_path / "other")
    edit_config(other, model_type="t5")
    for source, message in (
        (tuned, "which benchmark it is for: .*convert_hf.py --task xnli"),
        (other, "config.json: .*t5"),
    ):
        with refused(message):
            find_model(source, tmp_path / "bin/data")
        assert not (tmp_path / "bin").exists()


class Hub:
    """Stands for huggingface.co."""

    def __init__(self, folder, error=None):
        self.folder, self.error, self.asked = folder, error, []

    def snapshot_download(self, name, allow_patterns):
        if self.error:
            raise self.error
        self.asked.append((name, allow_patterns))
        return str(self.folder)


@pytest.fixture
def hub(hugging_face, tmp_path, monkeypatch):
    found = Hub(hugging_face[0])
    monkeypatch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    monkeypatch.chdir(tmp_path)
    return found


def test_names_are_those_of_the_hub_unless_there_is_a_path(hub, hugging_face, tmp_path):
    path = find_model("some-one/a.model-small", "bin/data")
    assert Path(path).parent.name.startswith("a.model-small-")
    ((name, patterns),) = hub.asked
    assert name == "some-one/a.model-small"
    fitting = huggingface_hub.utils.filter_repo_objects(
        [
            *("config.json", "tokenizer.json", "sentencepiece.bpe.model", "vocab.txt"),
            *("model.safetensors", "model-00001-of-00002.safetensors"),
            *("model.safetensors.index.json", "pytorch_model.bin", "tf_model.h5"),
            *("onnx/model.onnx", "onnx/model.safetensors", "README.md"),
            *("1_Pooling/config.json", "openvino/tokenizer.json"),
        ],
        allow_patterns=patterns,
    )
    assert list(fitting) == [
        *("config.json", "tokenizer.json", "sentencepiece.bpe.model", "vocab.txt"),
        *("model.safetensors", "model-00001-of-00002.safetensors"),
        "model.safetensors.index.json",
    ]
    # A path that is there, or half there, is no name.
    shutil.copytree(hugging_face[0], "some-one/here")
    assert "/here-" in find_model("some-one/here", "bin/data")
    for missing in ("some-one/typo", "a/b/c", "typo.pt", str(tmp_path / "typo")):
        with refused(f"^--path {missing}: not found"):
            find_model(missing, "bin/data", "--path")
    assert len(hub.asked) == 1


def test_weights_of_the_older_form_are_downloaded_where_there_are_no_others(
    hub, hugging_face, tmp_path
):
    hub.folder = copy_of(hugging_face, tmp_path / "old")
    (hub.folder / "model.safetensors").unlink()
    torch.save(hugging_face[1].state_dict(), hub.folder / "pytorch_model.bin")
    find_model("old-one", "bin/data")
    assert [patterns[-2:] for _, patterns in hub.asked] == model_folder.WEIGHTS


def test_without_internet_one_line_says_which_folder_to_give(hub):
    hub.error = huggingface_hub.errors.LocalEntryNotFoundError("no\nconnection")
    with pytest.raises(UserError) as error:
        find_model("intfloat/multilingual-e5-small", "bin/data")
    message = str(error.value)
    assert message.startswith("intfloat/multilingual-e5-small: no such file or folder")
    assert "(no)" in message and "give the folder with its config.json" in message
    assert "\n" not in message and not Path("bin").exists()


def test_fairseqs_names_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "model_folder", lambda name: tmp_path / name)
    with refused("xlmr.base: could not be .*xlmr.base.tar.gz"):
        find_model("xlmr.base")
    (tmp_path / "xlmr.base").mkdir()
    (tmp_path / "xlmr.base/model.pt").touch()
    assert find_model("xlmr.base") == str(tmp_path / "xlmr.base/model.pt")


def test_predictor_reads_hugging_faces_folder(hugging_face, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "PYTORCH_FAIRSEQ_CACHE", str(tmp_path))
    folder, model = hugging_face
    (found,) = from_pretrained(folder).extract_features([SENTENCE])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=False)
    inputs = tokenizer(SENTENCE, return_tensors="pt")
    with torch.no_grad():
        want = model(**inputs, output_hidden_states=True).hidden_states[-1][0]
    np.testing.assert_allclose(found.features, want.numpy(), rtol=0, atol=1e-4)
    assert list((tmp_path / "models").iterdir())


@torch.no_grad()
def test_predictor_knows_a_fine_tuned_model_by_its_labels(spm, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "PYTORCH_FAIRSEQ_CACHE", str(tmp_path))
    labels = ["Entailment", "neutral", "contradiction"]
    names = dict(enumerate(labels))
    tuned = tmp_path / "tuned"
    kind = "ForSequenceClassification"
    model = write_hf("xlmr", kind, tuned, spm, id2label=names)
    predictor = from_pretrained(tuned)
    assert predictor.task.benchmark == "xnli"
    (found,) = predictor.predict([("der Hund", "the dog runs")])
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned, use_fast=False)
    inputs = tokenizer("der Hund", "the dog runs", return_tensors="pt")
    want = model(**inputs).logits[0].softmax(0).tolist()
    got = [found["probabilities"][label.lower()] for label in labels]
    assert got == pytest.approx(want, abs=1e-4)
    write_hf("xlmr", "ForQuestionAnswering", tmp_path / "asked", spm)
    assert from_pretrained(tmp_path / "asked").family == "qa"


def test_vocabulary_of_a_trained_model_is_that_of_its_data(spm, tmp_path):
    def trained(state):
        state["cfg"]["task"] = {"_name": "masked_lm", "data": str(tmp_path / "data")}

    path = write_lm(tmp_path / "run", spm, change=trained)
    (tmp_path / "data").mkdir()
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        (path.parent / name).rename(tmp_path / "data" / name)
    want = [str(tmp_path / "data" / x) for x in ("sentencepiece.bpe.model", "dict.txt")]
    assert list(find_vocabulary(path)) == list(find_vocabulary(path.parent)) == want
    shutil.rmtree(tmp_path / "data")
    with refused("not found in .*copy them beside the check"):
        find_vocabulary(path.parent)


def test_preprocessing_takes_a_model_or_its_files(raw, hugging_face, tmp_path):
    def binarize(name, *options):
        preprocess.preprocess(
            "xnli", [str(raw), f"--destdir={tmp_path / name}", "--workers=1", *options]
        )
        return {x.name: x.read_bytes() for x in (tmp_path / name).iterdir()}

    model = f"--model={hugging_face[0]}"
    held = binarize("by-model", model)
    (folder,) = (tmp_path / "models").iterdir()
    files = [f"--tokenizer={folder / 'sentencepiece.bpe.model'}"]
    files.append(f"--dict={folder / 'dict.txt'}")
    assert held == binarize("by-files", *files)
    for given in ([], files[:1], [model, *files], [model, files[1]]):
        with refused("^--model: give it, or --tokenizer and"):
            binarize("no", *given)
    assert not (tmp_path / "no").exists()


def test_training_begins_with_hugging_faces_folder(pair_data, hugging_face, tmp_path):
    data = Path(shutil.copytree(pair_data, tmp_path / "bin"))
    convert(hugging_face[0], "--destdir", tmp_path / "fairseq")
    dictionary = tmp_path / "fairseq/dict.txt"
    shutil.copy(dictionary, data)
    manifest = json.loads((data / "manifest.json").read_text())
    manifest["dictionary_size"] = len(dictionary.read_text().splitlines()) + 5
    manifest["dictionary_sha256"] = ""
    (data / "manifest.json").write_text(json.dumps(manifest))
    options = ["--arch=xmixup_xlmr", f"--finetune-from-model={hugging_face[0]}"]
    options += ["--lr=0", "--max-update=1", "--disable-validation"]
    words = train_command(data, tmp_path / "out", *options)
    words = [word for word in words if not word.startswith("--encoder-")]
    run_in_fork(words, check=True)
    state = torch.load(tmp_path / "out/checkpoint_last.pt", weights_only=True)
    want = hugging_face[1].state_dict()["roberta.encoder.layer.1.output.dense.weight"]
    got = state["model"]["encoder.sentence_encoder.layers.1.fc2.weight"]
    assert torch.equal(want, got)
    assert vars(state["cfg"]["model"])["layer_norm_eps"] == 3e-5
    (made,) = (tmp_path / "models").iterdir()
    assert made.name.startswith("small-")


@pytest.mark.parametrize("form", ["fairseq", "SentencePiece", "tokenizer.json"])
def test_recipe_goes_from_raw_data_to_a_table(form, raw, spm, tmp_path, monkeypatch):
    """Nothing is typed but the model: fairseq's, or BERT layers with SentencePiece."""
    monkeypatch.setattr(stages.subprocess, "Popen", ForkedCommand)
    model, out = tmp_path / "model", tmp_path / "out"
    if form == "fairseq":
        write_lm(model, spm, max_positions=140)
    else:
        write_hf("minilm", "Model", model, spm, max_position_embeddings=140)
    if form == "tokenizer.json":
        give_fast_xlmr(model / "sentencepiece.bpe.model", model)
        for path in model.iterdir():
            if path.name not in ("config.json", "model.safetensors", form):
                path.unlink()
    # How long it trains is the same for all forms.
    short = [] if form == "fairseq" else ["--", "--max-epoch=1"]
    done = call_recipe("xnli", raw, out, "--model", model, "--cpu", *short)
    assert done.returncode == 0, done.stdout
    table = (out / "results/xmixup-1/results.txt").read_text()
    assert "xmixup" in table and "de" in table
    state = torch.load(out / "xmixup-1/checkpoint_best.pt", weights_only=True)
    eps = 1e-5 if form == "fairseq" else 1e-12
    assert vars(state["cfg"]["model"])["layer_norm_eps"] == eps
    assert (out / "models").exists() == (form != "fairseq")
