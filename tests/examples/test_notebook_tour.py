"""examples/notebook_tour.py: what it shows of each kind of model."""

import ast
import logging
import os
import re
import runpy
import sys
import warnings

import pytest
from forked import call
from matplotlib.image import imread
from mixing_model import write_model
from training import ROOT

SCRIPT = ROOT / "examples/notebook_tour.py"
QUIETENED = ("fairseq", "fairseq.models.roberta")


@pytest.fixture
def tour(tmp_path, monkeypatch, capsys):
    """Run the script in a folder of its own; gives its variables and its output."""
    handlers = logging.root.handlers[:]
    loggers = [logging.root, *map(logging.getLogger, QUIETENED)]
    levels = [logger.level for logger in loggers]
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        found = runpy.run_path(str(SCRIPT))
        return found, capsys.readouterr().out

    yield run
    logging.root.handlers[:] = handlers
    for logger, level in zip(loggers, levels):
        logger.setLevel(level)


def check_chart(path, pair):
    """It was drawn for this pair, larger for more tokens."""
    height, width, _ = imread(path).shape
    assert width >= 150 * (2 + 0.28 * len(pair.source.tokens)) - 1
    assert height >= 150 * (2 + 0.24 * len(pair.target.tokens)) - 1


def test_demo_model_predicts_and_mixes(paired, tmp_path, tour):
    raw = tmp_path / "demo/raw/xnli"
    (raw / "translate-test").mkdir(parents=True)
    (tmp_path / "demo/x-mixup-2").symlink_to(paired.mixed.parent)
    for name, lines in (
        ("test-qab.tsv", "der Hund läuft\tdie Katze {}\tneutral\n"),
        ("translate-test/test-qab-en-translated.tsv", "the dog\ta cat {}\tneutral\n"),
    ):
        text = "".join(lines.format("rot " * i) for i in range(25))
        (raw / name).write_text(text, encoding="utf-8")
    found, out = tour()
    assert len(found["pairs"]) == len(found["targets"]) == 20
    ratio = found["pairs"][0].layers[0].ratio
    for shown in (
        "('der Hund läuft', 'die Katze ')",
        f"{ratio:.4f}",
        "with its source",
    ):
        assert shown in out
    assert len(re.findall("^(embeddings|layer [12]) ", out, re.MULTILINE)) == 3
    check_chart(tmp_path / "demo/alignment.png", found["pair"])


def test_tagger_shows_tags(tagged, tmp_path, tour):
    found, out = tour(tagged.mixed, tmp_path / "chart.png")
    tags = found["together"][0]["tags"]
    assert f"with its source: {tags}" in out
    check_chart(tmp_path / "chart.png", found["pair"])


@pytest.mark.parametrize("backbone", ["xlmr", "mbert"])
def test_pretrained_model_mixes_and_labels_are_no_boxes(spm, tmp_path, tour, backbone):
    found, out = tour(write_model(tmp_path / "model", backbone, spm))
    assert "no head to predict with" in out
    check_chart(tmp_path / "alignment.png", found["pair"])
    targets = ["狗猫跑", "собака бежит", "$ $"]
    for pair in found["predictor"].mix(targets, ["$a dog$", "dog", "dog"]):
        # Among them those of glyphs that are missing.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found["draw"](pair, pair.layers[0], tmp_path / "other.png")
        check_chart(tmp_path / "other.png", pair)
    assert found["find_font"](["собака", "▁", "$"]) is not None
    # No font has the first character, and none of matplotlib's writes the others.
    for token in ("\U0010fffd", "كلب", "כלב"):
        assert found["find_font"]([token]) is None


def test_without_a_demo_it_says_what_to_run(tmp_path):
    done = call([str(SCRIPT)], lambda: os.chdir(tmp_path))
    assert done.returncode == 1
    assert done.stdout == "error: demo/x-mixup-2: not found; run make demo first\n"


def test_every_cell_is_whole():
    cells = re.split("^# %% ", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(cells) == 7
    for cell in cells[1:]:
        ast.parse("# " + cell)
