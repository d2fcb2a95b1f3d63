"""mBERT in the three families of tasks and in MultiMix: only --arch and data differ."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from augment_data import generate_command, generate_in_fork
from family_data import (
    label_arguments,
    logged,
    pair_folder,
    question_folder,
    tag_folder,
    train,
)
from mbert_data import write_mbert
from raw_data import WORDS

from fairseq_xling.cli import evaluate, pseudo_label
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.preprocessing.retokenize import Reader

FAMILIES = {
    "xmixup_xnli": pair_folder,
    "xmixup_udpos": tag_folder,
    "xmixup_xquad": question_folder,
}
ARCH = ["--arch=xmixup_mbert_mini", "--seed=3", "--lr=0.01"]


@pytest.fixture(scope="module")
def mbert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mbert")
    path = write_mbert(folder, [" ".join(words) for words in WORDS.values()])
    return SimpleNamespace(
        path=path,
        model=str(folder / "tokenizer.json"),
        dictionary=str(folder / "dict.txt"),
    )


@pytest.mark.parametrize("task", FAMILIES)
def test_x_mixup_is_trained_and_evaluated(mbert, tmp_path, task):
    data = FAMILIES[task](tmp_path / "raw", mbert)
    assert Manifest.load(data).tokenizer == "wordpiece"
    if task == "xmixup_udpos":
        options = [*ARCH, "--training-set=source", "--max-update=3"]
        train(task, data, tmp_path / "zero", *options, "--best-checkpoint-metric=f1_en")
        zero = tmp_path / "zero/checkpoint_best.pt"
        pseudo_label.main(label_arguments(data, zero))
    options = [*ARCH, "--max-update=6", "--scheduled-sampling-midpoint=0.5"]
    log = train(task, data, tmp_path / "mixed", *options)
    entries = logged(log, "train_inner")
    assert len(entries) == 6
    assert all(np.isfinite(float(entry["loss"])) for entry in entries)
    assert any(0 < float(entry.get("lambda", 0)) <= 0.5 for entry in entries)
    path = tmp_path / "mixed/checkpoint_best.pt"
    state = torch.load(path, weights_only=True)["model"]
    assert state["encoder.sentence_encoder.embed_segments.weight"].shape == (2, 16)
    out = tmp_path / "results"
    args = [str(data), f"--path={path}", f"--results-path={out}", "--cpu"]
    evaluate.main(evaluate.build_parser().parse_args(args))
    results = json.loads((out / "results.json").read_text())
    assert {"en", "de"} <= set(results["languages"])


def test_training_begins_with_the_converted_model(mbert, tmp_path):
    data = pair_folder(tmp_path / "raw", mbert)
    options = [*ARCH, "--training-set=source", "--max-update=1", "--max-positions=40"]
    options.append("--truncate-sequence")
    options += [f"--finetune-from-model={mbert.path}", "--encoder-ffn-embed-dim=24"]
    train("xmixup_xnli", data, tmp_path / "out", *options, "--lr=0")
    trained = torch.load(tmp_path / "out/checkpoint_last.pt", weights_only=True)
    pretrained = torch.load(mbert.path, weights_only=True)["model"]
    for key, value in pretrained.items():
        if ".lm_head." not in key:
            assert torch.equal(trained["model"][key], value), key


@pytest.mark.parametrize("task", ["xmixup_xnli", "xmixup_udpos"])
def test_an_mbert_generates(mbert, tmp_path, task):
    data = FAMILIES[task](tmp_path / "raw", mbert)
    out = tmp_path / "augmented"
    options = ["--langs=en", f"--results-path={out}", "--max-tokens=500"]
    generate_in_fork(generate_command(data, mbert.path, *options))
    manifest = Manifest.load(out)
    assert manifest.tokenizer == "wordpiece"
    original = Reader(data, Manifest.load(data)).open(("train", "en"), "input")
    reader = Reader(out, manifest)
    rows = reader.open(("train", "en"), "input")
    about = (out / "train.en.variants.jsonl").read_text().splitlines()
    assert len(rows) == len(about) > len(original)
    symbols = np.array(reader.dictionary.symbols)
    changed = 0
    for tokens, line in zip(rows, map(json.loads, about)):
        old, new = original[line["row"]].numpy(), tokens.numpy()
        assert len(old) == len(new)
        # Specials stay, and so does which pieces go on with a word.
        assert ((old < 3) == (new < 3)).all() and (new[new < 3] == old[old < 3]).all()
        for place in np.flatnonzero(old != new):
            assert place in line["positions"]
            both = symbols[[old[place], new[place]]]
            assert both[0].startswith("##") == both[1].startswith("##")
            assert not both[1].startswith("[unused")
            changed += 1
    assert changed > 20
