"""examples/multimix_*.sh: the commands that they print, which the parsers read."""

from pathlib import Path

import pytest
from recipe_calls import dry_run

from fairseq_xling.cli.multimix import build_parser


def commands(task, *arguments):
    return dry_run(f"multimix_{task}", "raw", "out", "--target-lang", "es", *arguments)


@pytest.mark.parametrize("task, script", [("xnli", "xnli.py"), ("xner", "panx.py")])
def test_data_are_made_and_the_run_started(task, script):
    preprocess, run = commands(task, "--jobs", "2")
    assert Path(preprocess[1]).name == script
    assert preprocess[2:5] == ["raw", "--destdir", "out/data-bin"]
    args = build_parser().parse_args(run[1:])
    assert (args.task, args.target_lang, args.jobs) == (f"multimix_{task}", "es", 2)
    assert args.results_path == "out/multimix-es-1"
    assert args.precision == "fp32" and not args.cpu


def test_options_are_passed_on():
    options = ["--map-label", "DATE=O", "--labels", "B-PER,I-PER,O", "--cpu"]
    options += ["--precision", "bf16"]
    preprocess, run = commands("xner", *options)
    assert preprocess[-4:] == options[:4]
    args = build_parser().parse_args(run[1:])
    assert args.cpu and args.precision == "bf16"


@pytest.mark.parametrize(
    "task, options, percentage, folder",
    [
        ("xnli", [], 5, "multimix-es-1"),
        ("xnli", ["--train-percentage", "100"], 100, "multimix-es-1-100"),
        ("xner", [], 100, "multimix-es-1"),
    ],
)
def test_settings_of_the_paper_are_chosen_by_the_share_of_the_data(
    task, options, percentage, folder
):
    *_, run = commands(task, *options)
    args = build_parser().parse_args(run[1:])
    assert args.train_percentage == percentage
    assert args.results_path == f"out/{folder}"
