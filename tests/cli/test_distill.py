"""xling-distill and xling-agree: warm-up to train data, and what they refuse."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from fairseq.data.indexed_dataset import MMapIndexedDataset
from forked import run_in_fork, run_in_forks
from pair_data import write_pair_data
from raw_data import files
from refusals import refused
from tag_data import write_tag_data
from training import command, train_command

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli import agree, distill
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.multimix import distil_pool
from fairseq_xling.multimix.pool_predictions import open_predictions

ROWS = {"train": 40, "valid": 10, "test": 10}
WRITERS = {"multimix_xnli": write_pair_data, "multimix_xner": write_tag_data}
GOLD = {"multimix_xnli": "label", "multimix_xner": "tags"}


def warm_up(task, data, save_dir, seed, *options):
    run_in_fork(
        train_command(
            data,
            save_dir,
            f"--task={task}",
            "--criterion=confidence_penalty",
            "--max-update=50",
            "--save-interval=99",
            "--lr=0.01",
            "--disable-validation",
            f"--seed={seed}",
            *options,
        ),
        check=True,
    )
    return save_dir / "checkpoint_last.pt"


@pytest.fixture(scope="module", params=WRITERS)
def warm(request, tmp_path_factory):
    """Binarized data, and two task models warmed up on its source language."""
    folder = tmp_path_factory.mktemp("warm")
    data = WRITERS[request.param](folder / "bin", ROWS)
    paths = [warm_up(request.param, data, folder / f"m{s}", s) for s in (1, 2)]
    # Tags of a language that was never seen are guesses, on which no two models agree.
    lang = "de" if request.param == "multimix_xnli" else "en"
    return SimpleNamespace(
        task=request.param, data=data, paths=paths, folder=folder, lang=lang
    )


def run_distill(warm, checkpoint, out, *options):
    arguments = [
        str(warm.data), f"--path={checkpoint}", f"--lang={warm.lang}",
        f"--results-path={out}", "--cpu", *options,
    ]  # fmt: skip
    distill.main(distill.build_parser().parse_args(arguments))


def run_agree(warm, peers, out, *options):
    arguments = [
        str(warm.data), *map(str, peers), f"--lang={warm.lang}",
        f"--results-path={out}", *options,
    ]  # fmt: skip
    agree.main(agree.build_parser().parse_args(arguments))


@pytest.fixture(scope="module")
def distilled(warm):
    """Both models' selections of a pool."""
    folders = []
    for number, path in enumerate(warm.paths):
        folders.append(warm.folder / f"distilled{number}")
        run_distill(warm, path, folders[-1], "--distill-factor=60")
    return folders


def test_predictions_are_those_of_the_model_row_by_row(warm, distilled):
    task, model = load_task_model(str(warm.paths[0]), str(warm.data))
    dataset = task.open_dataset([("train", warm.lang)], set(), is_train=False)
    found = open_predictions(distilled[0])
    assert len(found.confidence) == 40
    for row in range(40):
        (output,) = task.predict_step(dataset.collater([dataset[row]]), model)
        probabilities = output.probabilities
        labels = found.labels[found.offsets[row] : found.offsets[row + 1]]
        assert labels.tolist() == probabilities.argmax(axis=1).tolist()
        best = probabilities.max(axis=1)
        assert found.confidence[row] == pytest.approx(best.mean(), abs=1e-5)
        assert found.loss[row] == pytest.approx(-np.log(best).mean(), abs=1e-5)


def test_size_of_batches_does_not_matter(warm, distilled, tmp_path):
    run_distill(warm, warm.paths[0], tmp_path / "one", "--batch-size=1")
    one, many = open_predictions(tmp_path / "one"), open_predictions(distilled[0])
    assert (one.labels == many.labels).all()
    assert np.allclose(one.loss, many.loss, atol=1e-5)


def test_the_most_confident_are_selected_and_reported_on(warm, distilled):
    found = open_predictions(distilled[0])
    selected = np.fromfile(distilled[0] / "selected.bin", bool)
    assert selected.sum() == 24
    assert found.confidence[selected].min() >= found.confidence[~selected].max()
    report = json.loads((distilled[0] / "selection.json").read_text())
    assert (report["samples"], report["selected"]) == (40, 24)
    stream = MMapIndexedDataset(str(warm.data / f"train.{warm.lang}.{GOLD[warm.task]}"))
    gold = np.concatenate([stream[row].numpy() - 4 for row in range(40)])
    right = 100 * np.mean(found.labels == gold)
    assert report["accuracy"] == pytest.approx(right, abs=0.01)


def test_another_selection_needs_no_other_pass(warm, distilled, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(distilled[0], out)
    monkeypatch.setattr(distil_pool, "predict_rows", None)
    options = ["--distill-type=clustering", "--features=loss,length"]
    run_distill(warm, warm.paths[0], out, *options)
    report = json.loads((out / "selection.json").read_text())
    assert report["features"] == ["loss", "length"] and report["selected"] > 0
    same = open_predictions(distilled[0]).loss == open_predictions(out).loss
    assert same.all()


def test_agreed_samples_are_train_data_with_the_models_labels(
    warm, distilled, tmp_path
):
    out = tmp_path / "out"
    run_agree(warm, distilled, out)
    one, other = map(open_predictions, distilled)
    chosen = [np.fromfile(folder / "selected.bin", bool) for folder in distilled]
    expected = [
        row
        for row in range(40)
        if chosen[0][row]
        and chosen[1][row]
        and list(one.labels[one.offsets[row] : one.offsets[row + 1]])
        == list(other.labels[one.offsets[row] : one.offsets[row + 1]])
    ]
    manifest = Manifest.load(out)
    assert manifest.splits["train"][warm.lang].rows == len(expected) > 0
    assert manifest.selection["counts"]["agreed"] == len(expected)
    for stream in ("input", "source", "word_starts"):
        if stream not in Manifest.load(warm.data).splits["train"][warm.lang].streams:
            continue
        got = MMapIndexedDataset(str(out / f"train.{warm.lang}.{stream}"))
        had = MMapIndexedDataset(str(warm.data / f"train.{warm.lang}.{stream}"))
        assert [got[i].tolist() for i in range(len(got))] == [
            had[row].tolist() for row in expected
        ]
    labels = MMapIndexedDataset(str(out / f"train.{warm.lang}.{GOLD[warm.task]}"))
    for i, row in enumerate(expected):
        predicted = one.labels[one.offsets[row] : one.offsets[row + 1]]
        assert (labels[i].numpy() - 4).tolist() == predicted.tolist()


def test_without_agreement_one_peers_selection_is_taken(warm, distilled, tmp_path):
    run_agree(warm, distilled[:1], tmp_path / "out", "--no-agreement")
    assert Manifest.load(tmp_path / "out").splits["train"][warm.lang].rows == 24


def test_a_mixture_is_trained_on(warm, distilled, tmp_path):
    run_agree(warm, distilled, tmp_path / "de")
    mixture = f"--mixture={warm.data},{tmp_path / 'de'}"
    options = [mixture, "--confidence-penalty=0", "--max-update=4"]
    options += [f"--finetune-from-model={warm.paths[0]}"]
    out = warm_up(warm.task, warm.data, tmp_path / "model", 3, *options)
    state = load_task_model(str(out), str(warm.data))[0].state_dict()
    assert state["task"] == warm.task


def test_predictions_of_another_model_are_refused(warm, distilled, tmp_path):
    with refused("holds predictions of another pool or checkp"):
        run_distill(warm, warm.paths[1], distilled[0])
    (tmp_path / "mine").write_text("kept")
    with refused("is not empty; give another --results-path"):
        run_distill(warm, warm.paths[1], tmp_path)
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize(
    "options, message",
    [
        (["--distill-factor=0"], "--distill-factor 0: give a percentage"),
        (
            ["--distill-type=clustering", "--posterior-threshold=1"],
            "--posterior-thresh",
        ),
        (["--distill-type=clustering", "--features=length"], "give loss first"),
        (["--distill-type=clustering", "--features=loss,age"], "give loss first"),
        (["--distill-type=clustering", "--features=loss,log_prob"], "has no log_prob"),
        (["--lang=fr"], "no split train in fr; it has"),
        (["--batch-size=0"], "--batch-size 0: give 1 or more"),
    ],
)
def test_wrong_option_is_refused(warm, tmp_path, options, message):
    with refused(message):
        run_distill(warm, warm.paths[0], tmp_path / "out", *options)
    assert not (tmp_path / "out" / "selection.json").exists()


def test_peers_of_another_pool_are_refused(warm, distilled, tmp_path):
    with refused("holds predictions of other data than"):
        run_agree(warm, distilled, tmp_path / "out", "--lang=sw")
    with refused("1 peers: give 2 without --no-agreement"):
        run_agree(warm, distilled[:1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_to_agree_on_is_said(warm, distilled, tmp_path):
    peers = [tmp_path / "a", tmp_path / "b"]
    for peer, folder in zip(peers, distilled):
        shutil.copytree(folder, peer)
    labels = np.memmap(peers[1] / "labels.bin", np.int16, "r+")
    labels[:] = 99
    labels.flush()
    with refused("no sample that both peers label alike"):
        run_agree(warm, peers, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_processes_equal_one(warm, tmp_path):
    given = [
        command("xling-distill"), str(warm.data), f"--path={warm.paths[0]}",
        f"--lang={warm.lang}", "--distill-factor=60", "--cpu",
    ]  # fmt: skip
    out = tmp_path / "two"
    run_in_forks([*given, f"--results-path={out}", "--batch-size=7"])
    options = ["--batch-size=7", "--distill-factor=60"]
    run_distill(warm, warm.paths[0], tmp_path / "one", *options)
    assert files(out) == files(tmp_path / "one")
    # What is predicted is selected from again, by the first process alone.
    said = run_in_forks([*given, f"--results-path={out}", "--distill-factor=30"])
    assert said.count("samples selected") == 1
