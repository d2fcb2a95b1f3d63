"""xling-evaluate on small models trained by the test: tables, files, comparisons."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pair_data
import pytest
import torch
from evaluated import arguments, evaluate
from forked import call, run_in_fork, run_in_forks, srun, torchrun
from pair_data import LABELS, write_pair_data
from raw_data import files
from refusals import refused
from training import command, run, train_command

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.options import batch_options
from fairseq_xling.evaluation.evaluate import predict_split

SHORT = ["--max-update=8", "--seed=3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    rows = {"train": 40, "valid": 14, "test": 15}
    return write_pair_data(tmp_path_factory.mktemp("evaluated") / "bin", rows=rows)


@pytest.fixture(scope="module")
def checkpoints(data, tmp_path_factory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("models")
    options = {
        "mixed": [],
        "zero": ["--training-set=source"],
        "alone": ["--no-mixup-inference"],
    }
    for name, more in options.items():
        arguments = train_command(data, folder / name, *SHORT, *more)
        run_in_fork(arguments, check=True)
    return SimpleNamespace(
        folder=folder,
        **{name: str(folder / name / "checkpoint_last.pt") for name in options},
    )


def naive_predictions(path, data, split):
    """Row by row, without batches: probabilities of target and source stream."""
    task, model = load_task_model(path, str(data))
    dataset = task.load_dataset(split, with_source=not task.cfg.no_mixup_inference)
    found = {lang: [] for lang in task.languages}
    for index in range(len(dataset)):
        item = dataset[index]
        (output,) = task.predict_step(dataset.collater([item]), model)
        assert output.has_source == (item["source"] is not None)
        lang = task.languages[item["lang"]]
        found[lang].append((output.target, output.source, item["label"]))
    return found


@pytest.mark.parametrize("limit", [["--batch-size", 7], ["--max-tokens", 90]])
def test_predictions_equal_those_row_by_row(checkpoints, data, limit):
    args = arguments(data, checkpoints.mixed, "x", *limit, "--num-workers", 0)
    task, model = load_task_model(checkpoints.mixed, str(data))
    got = predict_split(task, model, "test", batch_options(args))
    want = naive_predictions(checkpoints.mixed, data, "test")
    assert list(got) == ["en", "de", "sw"]
    for lang, rows in want.items():
        np.testing.assert_allclose(
            got[lang].target, [row[0] for row in rows], atol=1e-5
        )
        np.testing.assert_allclose(
            got[lang].source, [row[1] for row in rows], atol=1e-5
        )
        assert got[lang].gold.tolist() == [row[2] for row in rows]
    # A row in seven has no counterpart, and English rows have none at all.
    assert got["de"].has_source.sum() == 12 and not got["en"].has_source.any()
    assert got["de"].ratio.shape == (12, 1) and got["en"].ratio is None


def test_results_report_three_ways_and_write_xtremes_files(
    checkpoints, data, tmp_path, capsys
):
    results = evaluate(data, checkpoints.mixed, tmp_path)
    rows = naive_predictions(checkpoints.mixed, data, "test")
    model = results["models"]["mixed"]
    for way, probabilities in (
        ("target", lambda t, s: t),
        ("source", lambda t, s: s),
        ("mean", lambda t, s: (t + s) / 2),
    ):
        for lang, entries in rows.items():
            right = [probabilities(t, s).argmax() == label for t, s, label in entries]
            want = 100 * sum(right) / len(right)
            assert model["scores"][way][lang] == pytest.approx(want)
    average = sum(model["scores"]["mean"][x] for x in rows) / 3
    assert model["scores"]["mean"]["average"] == pytest.approx(average)
    assert set(model["lambda"]) == {"de", "sw"}
    assert 0 < model["lambda"]["de"]["mean"] < 0.5
    for lang, entries in rows.items():
        path = tmp_path / "predictions" / "mixed" / f"test-{lang}.tsv"
        want = [LABELS[((t + s) / 2).argmax()] for t, s, _ in entries]
        assert path.read_text().splitlines() == want
    table = capsys.readouterr().out
    assert "mixed (mean) *" in table and "mixed (target)" in table
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert "| mixed (mean) * |" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "scores.png").read_bytes()[1:4] == b"PNG"


def test_comparison_gives_differences_with_intervals(checkpoints, data, tmp_path):
    options = ["--compare", checkpoints.mixed, "--names", "zero-shot", "ours"]
    options += ["--predict", "target", "mean", "--bootstrap-samples", 200]
    results = evaluate(data, checkpoints.zero, tmp_path, *options)
    difference = results["differences"]["ours"]["average"]
    ours = results["models"]["ours"]["scores"]["mean"]["average"]
    zero = results["models"]["zero-shot"]["scores"]["target"]["average"]
    assert difference["value"] == pytest.approx(ours - zero)
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert "ours minus zero-shot" in (tmp_path / "results.txt").read_text()


def test_zero_shot_models_source_stream_is_translate_test(checkpoints, data, tmp_path):
    results = evaluate(data, checkpoints.zero, tmp_path, "--predict", "source")
    model = results["models"]["zero"]
    assert model["with_source"] == {"en": 0, "de": 12, "sw": 12}
    assert model["lambda"] == {}
    task, network = load_task_model(checkpoints.zero, str(data))
    dataset = task.load_dataset("test", with_source=True)
    right = []
    for index in range(15, 30):
        item = dataset[index]
        tokens = item["source"] if item["source"] is not None else item["input"]
        item = {**item, "input": tokens, "source": None}
        (output,) = task.predict_step(dataset.collater([item]), network)
        right.append(output.target.argmax() == item["label"])
    want = 100 * sum(right) / len(right)
    assert model["scores"]["source"]["de"] == pytest.approx(want)


def test_model_without_mixup_inference_predicts_from_the_target(
    checkpoints, data, tmp_path, capsys
):
    model = evaluate(data, checkpoints.alone, tmp_path)["models"]["alone"]
    assert not any(model["with_source"].values())
    assert "alone (target) *" in capsys.readouterr().out
    assert list(model["scores"]) == ["target"] and model["predict"] == "target"


def test_mixup_inference_can_be_left_out_of_a_model_that_mixes(
    checkpoints, data, tmp_path
):
    mixing, alone = (
        evaluate(data, checkpoints.mixed, tmp_path, *options)["models"]["mixed"]
        for options in ([], ["--no-mixup-inference"])
    )
    assert any(mixing["with_source"].values())
    assert not any(alone["with_source"].values()) and not alone["lambda"]
    # As the sources are not read, it is what data without them give.
    without = [f"test.{lang}.source" for lang in ("de", "sw")]
    rows = {"train": 40, "valid": 14, "test": 15}
    folder = write_pair_data(tmp_path / "bin", rows=rows, without=without)
    results = evaluate(folder, checkpoints.mixed, tmp_path)
    assert results["models"]["mixed"]["scores"] == alone["scores"]


def test_source_stream_that_does_not_exist_is_not_replaced(checkpoints, data, tmp_path):
    source, out = ["--predict", "source"], tmp_path / "out"
    with refused("--predict source, but it reads no counter"):
        evaluate(data, checkpoints.alone, out, *source)
    without = [f"test.{lang}.source" for lang in ("de", "sw")]
    folder = write_pair_data(tmp_path / "bin", without=without)
    with refused("binarize the data with their translations"):
        evaluate(folder, checkpoints.zero, out, *source)
    assert not (tmp_path / "out").exists()


def test_command_writes_beside_the_checkpoint(checkpoints, data):
    done = run([command("xling-evaluate"), str(data), f"--path={checkpoints.mixed}"])
    assert "Avg." in done.stdout
    # Nothing of what libraries remark on while they are imported and used.
    assert "DEBUG" not in done.stdout and "Warning" not in done.stdout
    assert (checkpoints.folder / "mixed" / "results-test" / "results.json").exists()


def test_split_without_labels_gets_predictions_only(checkpoints, tmp_path, caplog):
    without = [f"test.{lang}.label" for lang in ("en", "de", "sw")]
    folder = write_pair_data(tmp_path / "bin", without=without)
    with caplog.at_level("WARNING"):
        results = evaluate(folder, checkpoints.mixed, tmp_path / "out")
    assert results["models"]["mixed"]["scores"] == {}
    assert "test has no labels" in caplog.text
    lines = (tmp_path / "out/predictions/mixed/test-de.tsv").read_text().splitlines()
    assert len(lines) == 12 and set(lines) <= set(LABELS)
    assert not (tmp_path / "out" / "scores.png").exists()
    assert "has no labels" in (tmp_path / "out" / "results.txt").read_text()


@pytest.mark.parametrize("lang", ["de", "en"])
def test_language_without_labels_is_not_counted_as_wrong(
    checkpoints, tmp_path, caplog, lang
):
    folder = write_pair_data(tmp_path / "bin", without=[f"test.{lang}.label"])
    options = ["--compare", checkpoints.zero, "--bootstrap-samples", 50]
    # Batches hold several languages, with labels and without.
    options += ["--batch-size", 36]
    with caplog.at_level("WARNING"):
        results = evaluate(folder, checkpoints.mixed, tmp_path / "out", *options)
    assert f"test has no labels in {lang}: no score there" in caplog.text
    left = {"en", "de", "sw"} - {lang}
    scores = results["models"]["mixed"]["scores"]["mean"]
    assert set(scores) == left | {"average"} | ({"gap"} if lang == "de" else set())
    assert scores["average"] == pytest.approx(sum(scores[x] for x in left) / 2)
    assert set(results["differences"]["zero"]) == left | {"average"}
    assert (tmp_path / f"out/predictions/mixed/test-{lang}.tsv").exists()
    assert " - " in (tmp_path / "out" / "results.txt").read_text()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--split", "nowhere"], "no split nowhere .*; it has test, train, valid"),
        (["--names", "a", "b"], "--names a b: give 1 different names"),
        (["--predict", "mean", "target"], "--predict mean target: give one for all 1"),
        (["--compare", "missing.pt"], "missing.pt: not found"),
        (["--compare", "/"], "/: a folder with neither checkpoint_best.pt nor"),
        (["--names", "../outside"], "'../outside': give a name that can name a folder"),
        (["--names", "/outside"], "'/outside': give a name that can name a folder"),
        (["--names", ""], "'': give a name that can name a folder"),
        (["--batch-size", "0"], "--batch-size 0: give 1 or more"),
        (["--max-tokens", "5"], "--max-tokens 5: an item of test takes"),
        (["--bootstrap-samples", "0"], "--bootstrap-samples 0: give 1 or more"),
        (["--num-workers", "-1"], "--num-workers -1: give 0 or more"),
        (["--seed", "-1"], "--seed -1: give 0 or more"),
    ],
)
def test_wrong_options_are_one_line(checkpoints, data, tmp_path, options, message):
    with refused(message):
        evaluate(data, checkpoints.mixed, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_data_of_another_dictionary_are_refused(checkpoints, tmp_path):
    folder = write_pair_data(tmp_path / "bin")
    (folder / "dict.txt").write_text("a 1\nb 1\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["dictionary_size"] = 7
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with refused("tokens, the dictionary .*dict.txt of the check"):
        load_task_model(checkpoints.mixed, str(folder))


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"]])
def test_checkpoint_for_other_labels_is_refused(
    checkpoints, tmp_path, monkeypatch, labels
):
    # fairseq would load it with a new classifier and report what that guesses.
    monkeypatch.setattr(pair_data, "LABELS", labels)
    folder = write_pair_data(tmp_path / "bin")
    said = "trained on the labels contradiction, entailment, neutral, but .* has"
    with refused(f"^{checkpoints.mixed}: {said} {', '.join(labels)};"):
        evaluate(folder, checkpoints.mixed, tmp_path)
    assert not (tmp_path / "results.json").exists()


def test_each_checkpoint_is_opened_once(checkpoints, data, tmp_path, opened):
    options = ["--compare", checkpoints.zero, "--bootstrap-samples", 50]
    evaluate(data, checkpoints.mixed, tmp_path, "--predict", "target", *options)
    assert opened == [checkpoints.mixed, checkpoints.zero]


def test_checkpoint_that_predicts_no_numbers_is_refused(checkpoints, data, tmp_path):
    state = torch.load(checkpoints.mixed, weights_only=True)
    for key in state["model"]:
        if key.endswith("out_proj.bias") and "classification" in key:
            state["model"][key].fill_(float("nan"))
    torch.save(state, tmp_path / "broken.pt")
    with refused("broken.pt: probabilities that are not num"):
        evaluate(data, tmp_path / "broken.pt", tmp_path)


def test_models_of_the_same_folder_are_told_apart(checkpoints, data, tmp_path):
    best = str(checkpoints.folder / "mixed" / "checkpoint_best.pt")
    results = evaluate(data, checkpoints.mixed, tmp_path, "--compare", best)
    assert list(results["models"]) == ["mixed/checkpoint_last", "mixed/checkpoint_best"]
    assert (tmp_path / "predictions/mixed/checkpoint_best/test-sw.tsv").exists()


def test_results_do_not_change_with_batches_or_a_second_run(
    checkpoints, data, tmp_path
):
    written = []
    for i, limit in enumerate((["--batch-size", 64], ["--batch-size", 4], [])):
        options = ["--compare", checkpoints.zero, "--bootstrap-samples", 100, *limit]
        evaluate(data, checkpoints.mixed, tmp_path / str(i), *options)
        results = json.loads((tmp_path / str(i) / "results.json").read_text())
        for model in results["models"].values():
            for spread in model["lambda"].values():
                # Sums of floats depend on the width that a batch is padded to.
                spread.update({key: round(x, 5) for key, x in spread.items()})
        texts = {
            path.relative_to(tmp_path / str(i)): path.read_bytes()
            for path in (tmp_path / str(i)).rglob("*.t*")
        }
        written.append((results, texts))
    assert written[0] == written[1] == written[2]
    assert len(written[0][1]) == 7


@pytest.mark.parametrize("launcher", [torchrun, srun])
@pytest.mark.parametrize("family", ["asked", "pairs"])
def test_two_processes_equal_one(
    request, checkpoints, data, tmp_path, launcher, family
):
    models = checkpoints
    if family == "asked":
        models = request.getfixturevalue("asked")
        data = models.data
    given = [command("xling-evaluate"), str(data), f"--path={models.mixed}", "--cpu"]
    given += ["--compare", str(models.zero), "--names", "a", "b", "--batch-size=4"]
    given.append("--bootstrap-samples=50")
    call([*given, f"--results-path={tmp_path / 'one'}"])
    # Who the machines are, SLURM's own program says.
    program = tmp_path / "bin/scontrol"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n[ \"$3\" = 'n[1-2]' ] && echo 127.0.0.1; echo n2\n")
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    given += [f"--results-path={tmp_path / 'two'}", "--num-workers=1"]
    said = run_in_forks(given, launcher, PATH=path)
    assert said.count("written to") == 1
    want = files(tmp_path / "one")
    assert want == files(tmp_path / "two") and "results.json" in want
    assert any("n-best" in name for name in want) == (family == "asked")
