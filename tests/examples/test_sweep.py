"""The sweep: one training a point, finished points are skipped, the best is found."""

import json
import os
import signal
import sys

import pytest
from recipe_calls import call_recipe, dry_run
from recipes.sweep import best_of_sweep
from refusals import refused
from test_recipes import name_of, settings_of

# Stands in for all commands of XLING_BIN: records the call, and does what the sweep
# looks at. The score that it gives a point is in SCORES, its way to fail in FAILS.
FAKE = """#!{python} -S
import json, os, sys
from pathlib import Path

name, words = Path(sys.argv[0]).name, sys.argv[1:]
options = dict(zip(words, words[1:]))
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([name, *words]) + "\\n")
if name == "python":
    data = Path(options["--destdir"])
    data.mkdir(parents=True)
    entry = {{"rows": 64, "streams": []}}
    manifest = {{"source_lang": "en", "splits": {{"train": {{"en": entry}}}}}}
    (data / "manifest.json").write_text(json.dumps(manifest))
elif name == "xling-pseudo-label":
    path = Path(words[0]) / "manifest.json"
    path.write_text(path.read_text().replace("[]", '["soft_tags"]'))
elif name == "fairseq-train":
    folder = Path(options["--save-dir"])
    how = json.loads(os.environ["FAILS"]).get(folder.name, 0)
    if how < 0:
        os.kill(os.getpid(), -how)
    if how:
        sys.exit(how)
    folder.mkdir(parents=True, exist_ok=True)
    for end in ("best", "last"):
        (folder / f"checkpoint_{{end}}.pt").touch()
else:
    folder = Path(options["--results-path"])
    folder.mkdir(parents=True)
    average = json.loads(os.environ["SCORES"])[folder.parent.name]
    scores = {{"en": 1.0, "average": average}}
    model = {{"predict": "target", "scores": {{"target": scores}}}}
    results = {{"task": "udpos", "split": "valid", "models": {{"xmixup": model}}}}
    (folder / "results.json").write_text(json.dumps(results))
"""
SCORES = {
    "lr-5e-6-alpha-0.4": 70.25,
    "lr-5e-6-alpha-0.8": 71.5,
    "lr-3e-5-alpha-0.4": 9.0,
    "lr-3e-5-alpha-0.8": 71.0,
}
GRID = ("--lrs", "5e-6 3e-5", "--alphas", "0.4 0.8")


@pytest.fixture
def sweep(tmp_path):
    """Runs the sweep with fake commands; gives what it printed and called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "fairseq-train", "xling-evaluate", "xling-pseudo-label"):
        (folder / name).write_text(FAKE.format(python=sys.executable))
        (folder / name).chmod(0o755)
    log = tmp_path / "calls"

    def run(*arguments, fails=None):
        log.write_text("")
        done = call_recipe(
            *("sweep", "udpos", "raw", tmp_path / "out", *arguments),
            XLING_BIN=str(folder),
            CALLS=str(log),
            SCORES=json.dumps(SCORES),
            FAILS=json.dumps(fails or {}),
        )
        return done, [json.loads(line) for line in log.read_text().splitlines()]

    return run


def trained(calls):
    return [
        os.path.basename(settings_of(words)["save-dir"])
        for words in calls
        if words[0] == "fairseq-train"
    ]


def test_dry_run_prints_one_training_a_point(tmp_path):
    def printed(task, *options):
        lines = dry_run("sweep", task, "raw", tmp_path, *options)
        return [words for words in lines if name_of(words) == "fairseq-train"]

    lines = printed("xnli")
    points = {
        (found["lr"], found["source-loss-weight"])
        for found in (settings_of(words) for words in lines)
    }
    assert len(lines) == len(points) == 16
    assert all("mixup-layer" not in settings_of(words) for words in lines)
    lines = printed("mlqa", *GRID, "--layers", "1 16")
    assert [settings_of(words)["mixup-layer"] for words in lines] == ["1"] * 4 + [
        "16"
    ] * 4
    name = "sweep/lr-3e-5-alpha-0.4-layer-16"
    assert str(tmp_path / name) in [settings_of(words)["save-dir"] for words in lines]
    # The source model of the pseudo-labels has no point's options.
    zero, *points = printed("udpos", *GRID)
    assert settings_of(zero)["lr"] == "5e-6" and len(points) == 4
    assert "source-loss-weight" not in settings_of(zero)
    assert not list(tmp_path.iterdir())


def test_sweep_shares_data_and_names_the_best(sweep, tmp_path):
    done, calls = sweep(*GRID, "--seed", "7", "--", "--num-workers", "0")
    assert done.returncode == 0, done.stdout
    assert trained(calls) == ["zero-shot-7", *SCORES]
    names = [words[0] for words in calls]
    assert names.count("python") == names.count("xling-pseudo-label") == 1
    evaluate = settings_of(calls[-1])
    assert evaluate["split"] == "valid" and evaluate["path"].endswith(
        "out/sweep/lr-3e-5-alpha-0.8/checkpoint_best.pt"
    )
    *_, table, last = done.stdout.strip().split("\n\n")[-2:]
    assert table.endswith(
        "| 5e-6 | 0.8 | default | 71.50 |\n| 3e-5 | 0.8 | default | 71.00 |\n"
        "| 5e-6 | 0.4 | default | 70.25 |\n| 3e-5 | 0.4 | default | 9.00 |"
    )
    assert last.startswith("Best: learning rate 5e-6, alpha 0.8, layer default: 71.50")
    point = tmp_path / "out/sweep/lr-5e-6-alpha-0.8"
    assert json.loads((point / "point.json").read_text()) == {
        **{"lr": "5e-6", "alpha": "0.8", "layer": "default"},
        "settings": " --seed 7 -- --num-workers 0",
    }
    checkpoints = sorted(path.name for path in point.glob("*.pt"))
    assert checkpoints == ["checkpoint_best.pt"]


def test_stopped_sweep_goes_on_where_it_was(sweep):
    killed = {"lr-3e-5-alpha-0.4": -signal.SIGKILL}
    done, calls = sweep(*GRID, fails=killed)
    assert done.returncode > 128
    assert trained(calls)[-1] == "lr-3e-5-alpha-0.4"
    done, calls = sweep(*GRID, "--gpus", "2")
    assert done.returncode == 0, done.stdout
    assert trained(calls) == ["lr-3e-5-alpha-0.4", "lr-3e-5-alpha-0.8"]
    assert "lr-5e-6-alpha-0.4: done before" in done.stdout


def test_failing_point_is_left_out(sweep):
    done, calls = sweep(*GRID, fails={"lr-5e-6-alpha-0.8": 1})
    assert done.returncode == 1 and trained(calls)[1:] == list(SCORES)
    assert "error: lr-5e-6-alpha-0.8 failed; going on" in done.stdout
    assert "| 5e-6 | 0.8 | default | incomplete |" in done.stdout
    assert "Best: learning rate 3e-5, alpha 0.8" in done.stdout


def test_points_of_other_settings_are_not_mixed_in(sweep):
    assert sweep(*GRID)[0].returncode == 0
    done, calls = sweep(*GRID, "--seed", "2")
    assert done.returncode == 2 and not trained(calls)
    assert "made with other settings" in done.stdout.splitlines()[-1]
    done, calls = sweep(*GRID, "--seed", "2", "--name", "sweep-2")
    assert done.returncode == 0 and trained(calls) == list(SCORES)


def write_point(folder, score=None, predict="mean", **settings):
    folder.mkdir()
    if settings:
        (folder / "point.json").write_text(json.dumps(settings))
    if score is not None:
        scores = {"mean": {"en": 0.0, "average": score}, "target": {"average": 99.0}}
        results = {"models": {"xmixup": {"predict": predict, "scores": scores}}}
        (folder / "results-valid").mkdir()
        (folder / "results-valid" / "results.json").write_text(json.dumps(results))


def test_best_point_is_picked_by_the_predicting_stream(tmp_path, capsys):
    write_point(tmp_path / "lr-5e-6-alpha-0.4", 80.0)
    write_point(tmp_path / "lr-2e-5-alpha-0.2-layer-4", 81.239)
    write_point(tmp_path / "named", lr="3e-6", alpha="0.6", layer="1,4")
    write_point(tmp_path / "other")
    best_of_sweep.main([str(tmp_path)])
    assert capsys.readouterr().out.splitlines() == [
        "| learning rate | alpha | layer | dev score |",
        "| --- | ---: | ---: | ---: |",
        "| 2e-5 | 0.2 | 4 | 81.24 |",
        "| 5e-6 | 0.4 | default | 80.00 |",
        "| 3e-6 | 0.6 | 1,4 | incomplete |",
        "",
        "Best: learning rate 2e-5, alpha 0.2, layer 4: 81.24 "
        f"({tmp_path}/lr-2e-5-alpha-0.2-layer-4/checkpoint_best.pt)",
    ]


def test_best_of_nothing_is_refused(tmp_path, capsys):
    with refused("no such folder"):
        best_of_sweep.main([str(tmp_path / "none")])
    with refused("holds no points"):
        best_of_sweep.main([str(tmp_path)])
    point = tmp_path / "lr-5e-6-alpha-0.4"
    write_point(point)
    with refused("no point is complete"):
        best_of_sweep.main([str(tmp_path)])
    assert "incomplete" in capsys.readouterr().out
    (point / "results-valid").mkdir()
    results = point / "results-valid" / "results.json"
    for wrong in ('{"models": {"a": {"predict": "mean", "scores": {}}}}', "[]", "{"):
        results.write_text(wrong)
        with refused("results.json: "):
            best_of_sweep.main([str(tmp_path)])
