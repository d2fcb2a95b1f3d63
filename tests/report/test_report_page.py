"""The page of xling-report: what is on it, that it stands alone, what is refused."""

import json
import logging
import os
import re

import hostile
import pytest
from forked import call
from hostile import FORMATS
from pair_data import write_pair_data
from refusals import refused
from report_files import (
    LOG,
    Page,
    write_analysis,
    write_multimix,
    write_results,
    write_run,
)
from training import train_command

from fairseq_xling.cli.report import build_parser, main


def report(tmp_path, *folders, **options):
    given = [str(one) for one in folders]
    for name, value in options.items():
        given += [f"--{name}", value]
    args = [*given, "--results-path", str(tmp_path / "out")]
    page = Page(main(build_parser().parse_args(args)))
    check_alone(page)
    return page


def check_alone(page):
    """It needs nothing else, says its language, and all its links lead somewhere."""
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object"), tag
        assert attributes.get("src", "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert not re.search(r"url\(|@import", page.source)
    assert page.of("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.of("meta")
    ids = [one["id"] for _, one in page.tags if "id" in one]
    assert len(set(ids)) == len(ids)
    assert {one["href"] for one in page.of("a")} <= {f"#{one}" for one in ids}
    assert all(one["alt"] for one in page.of("img"))


def test_a_training_is_shown_with_its_options_curves_and_costs(tmp_path):
    write_run(tmp_path / "runs" / "one")
    page = report(tmp_path, tmp_path / "runs", title="My page")
    assert "My page" in page.text and "1 training run." in page.text
    assert len(page.of("img")) == 1
    # Chosen by accuracy, 61.5 at update 4; 32 rows in 2 seconds.
    assert "one accuracy 61.50 4 1.000" in page.text
    assert "one 1 (CPU) 0:00:06 4 16.0 0.75" in page.text
    assert "mixup-layer 1" in page.text and "Options of one" in page.text
    assert "beam" not in page.text and "save-dir" not in page.text


def test_options_that_differ_are_compared_by_task(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs / "x" / "s1", training_set="source")
    write_run(runs / "y" / "s1", extra=None)
    write_run(runs / "tags", _name="xmixup_udpos")
    page = report(tmp_path, runs)
    assert (
        "option x/s1 y/s1 training-set source pairs Options that all share" in page.text
    )
    assert "Options of tags" in page.text
    titles = [one["href"] for one in page.of("a")]
    assert len(titles) == len(set(titles)) == 3 + 2 * 2


def test_scores_are_shown_with_intervals_and_differences(tmp_path):
    page = report(tmp_path, write_results(tmp_path / "results", names=("a", "b", "c")))
    assert "XNLI, test (results)" in page.text
    assert (
        "model en de Avg. Gap a 80.0 60.2 to 90.8 79.0 60.2 to 90.8 79.0" in page.text
    )
    assert "95 percent confidence interval" in page.text
    assert "b -0.5 -2.0 to +1.0 p = 0.510" in page.text
    assert "+3.2 +1.5 to +5.0 p < 0.001" in page.text
    assert len(page.of("strong")) == 2 and len(page.of("img")) == 2


def test_results_without_intervals_or_comparison_are_shown(tmp_path):
    folder = write_results(tmp_path / "results", names=("a",), bounds=False)
    page = report(tmp_path, folder)
    assert "a 80.0 79.0 79.0 1.5" in page.text
    assert "confidence interval" not in page.text and len(page.of("img")) == 1


def test_many_languages_are_drawn_in_several_figures(tmp_path):
    languages = [f"language-{i}" for i in range(15)]
    folder = write_results(tmp_path / "results", languages, "abcdefgh")
    sizes = [int(one["width"]) for one in report(tmp_path, folder).of("img")]
    assert len(sizes) > 4 and max(sizes) < 1100


def test_an_analysis_is_shown_with_its_own_figures(tmp_path):
    write_analysis(tmp_path / "an")
    page = report(tmp_path, write_analysis(tmp_path / "an", "unheard-of"))
    assert "model de one | two 0.5 What it is about." in page.text
    assert "unheard-of" in page.text and len(page.of("img")) == 4


def test_multimix_is_shown_by_epoch_with_its_trainings_together(tmp_path):
    folder = write_multimix(tmp_path / "mm")
    for name in ("warm-up/model1", "epoch1/model1"):
        write_run(folder / name, log="")
        (folder / f"{name}.log.txt").write_text(LOG)
    write_results(folder / "warm-up" / "results-test", names=("1", "2", "3"))
    page = report(tmp_path, tmp_path / "mm")
    assert "warm-up 70" in page.text and "MultiMix in mm" in page.text
    assert "in its folder (1) are summed up here" in page.text
    assert "XNLI, test" not in page.text
    # Scores by epoch, and the curves of both trainings.
    assert len(page.of("img")) == 2
    assert "warm-up/model1 accuracy 61.50" in page.text


SPOILT = "<b>x&y\"'"
ARABIC = "العربية"


def test_what_comes_from_files_is_escaped(tmp_path):
    runs = tmp_path / "runs"
    run = write_run(runs / SPOILT, target_langs=f"<i>{ARABIC}</i>")
    write_run(runs / "z", target_langs="</table><script>alert(1)</script>")
    (runs / "z" / "train.log").write_text(LOG.replace("'valid'", "'<u>$x'"))
    names = (f"{SPOILT} 1", "<script>alert(2)</script>", "$m$_{")
    write_results(run / "results", ("en", ARABIC, "<hr>"), names)
    write_analysis(run / "an", table=f"| <a href=x> {ARABIC} | & |\n| --- | ---: |\n")
    write_multimix(run / "mm", lang="<q>")
    page = report(tmp_path, runs, title="<s>&</s>")
    known = {tag for tag, _ in page.tags}
    assert known.isdisjoint({"b", "i", "s", "u", "q", "hr", "script"})
    assert all(one["href"].startswith("#section-") for one in page.of("a"))
    for text in (f"<i>{ARABIC}</i>", "</table><script>alert(1)</script>", "<s>&</s>"):
        assert text in page.text
    assert f"model en {ARABIC} <hr> Avg. Gap {SPOILT} 1" in page.text
    assert f"<a href=x> {ARABIC}" in page.text


def test_a_run_without_a_usable_log_says_so(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs / "none", log="")
    write_run(runs / "empty", log="nothing\n", name="checkpoint_last.pt")
    page = report(tmp_path, runs)
    assert "none: no log was found" in page.text
    assert "empty: its log train.log has no line of fairseq's progress." in page.text
    assert "none 1 (CPU) - - - -" in page.text and not page.of("img")


def test_the_log_is_found_where_log_file_said(tmp_path):
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text(LOG)
    folder = write_run(tmp_path / "runs" / "one", log="", log_file=str(elsewhere))
    assert "0:00:06" in report(tmp_path, folder).text
    # No regular file: a pipe would be waited for.
    elsewhere.unlink()
    os.mkfifo(elsewhere)
    assert "no log was found" in report(tmp_path, folder).text


def test_hidden_folders_and_links_are_left_out(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs / "one")
    write_run(runs / ".hidden" / "two")
    outside = write_run(tmp_path / "outside")
    (runs / "linked").symlink_to(outside)
    (runs / "results.json").symlink_to(outside / "train.log")
    assert "1 training run." in report(tmp_path, runs, runs / "one").text


def test_the_same_files_give_the_same_page(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs / "one")
    write_results(runs / "results")
    assert report(tmp_path, runs).source == report(tmp_path, runs).source


def test_a_file_can_be_named(tmp_path):
    path = tmp_path / "a" / "b.html"
    args = [str(write_results(tmp_path / "r")), "--results-path", str(path)]
    assert main(build_parser().parse_args(args)) == path
    assert [one.name for one in path.parent.iterdir()] == ["b.html"]


def check(tmp_path, folder, message):
    args = [str(folder), "--results-path", str(tmp_path / "out")]
    with refused(message):
        main(build_parser().parse_args(args))
    assert not (tmp_path / "out").exists()


def test_missing_and_empty_folders_are_refused(tmp_path):
    check(tmp_path, tmp_path / "none", "none: not a folder")
    (tmp_path / "empty").mkdir()
    check(tmp_path, tmp_path / "empty", "nothing to report; looked for checkpoint_be")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"task": "xnli", "models": {"a": 1}}',
        '{"task": "xnli", "split": "test", "models": {"a": {"path": "x", "predict": '
        '"target", "scores": {"target": {"average": 1, "en": "much"}}}}, '
        '"languages": ["en"], "family": "classification", "metric": "m", '
        '"source_lang": "en"}',
    ],
)
def test_damaged_results_are_refused(tmp_path, content):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "results.json").write_text(content)
    check(tmp_path, folder, "results.json: not the results of xling-evaluate")


@pytest.mark.parametrize("scores", [{"test": {"en": ["x"]}}, {"test": {"en": 3}}, {}])
def test_a_damaged_report_of_multimix_is_refused(tmp_path, scores):
    folder = write_multimix(tmp_path / "mm")
    (folder / "report.json").write_text(
        f'[{{"epoch": 0, "scores": {scores}}}]'.replace("'", '"')
    )
    check(tmp_path, folder, "report.json: not the report of xling-multimix")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("trusting", ["", "1"])
def test_a_checkpoint_that_is_code_is_refused(tmp_path, monkeypatch, kind, trusting):
    if trusting:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", trusting)
    runs = tmp_path / "runs"
    runs.mkdir()
    FORMATS[kind](runs / "checkpoint_best.pt", tmp_path / "ran")
    check(tmp_path, runs, "checkpoint_best.pt: (refused|not a fairseq checkpoint)")
    assert not (tmp_path / "ran").exists()


def test_an_option_that_is_code_is_refused(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs, adam_betas=hostile.as_text(tmp_path / "ran"))
    check(tmp_path, runs, "refused, because its option adam_betas is code")
    assert not (tmp_path / "ran").exists()


def log_progress():
    """As fairseq-train does in a process of its own."""
    logging.getLogger().setLevel(logging.INFO)


def test_real_runs_from_training_to_the_page(tmp_path):
    data = write_pair_data(tmp_path / "bin")
    runs = tmp_path / "runs"
    for name, options in {"zero": ["--training-set=source"], "mix": []}.items():
        (runs / name).mkdir(parents=True)
        log = f"--log-file={runs / name / 'train.log'}"
        options += ["--max-epoch=2", "--log-format=simple", log]
        if name == "zero":
            options += ["--best-checkpoint-metric=accuracy_en"]
        done = call(train_command(data, runs / name, *options), before=log_progress)
        assert done.returncode == 0, done.stdout[-2000:]
    paths = [str(runs / name / "checkpoint_best.pt") for name in ("zero", "mix")]
    done = call(
        [
            "xling-evaluate",
            str(data),
            "--path",
            paths[0],
            "--compare",
            paths[1],
            "--cpu",
        ]
        + ["--predict", "target", "mean", "--results-path", str(runs / "results")]
    )
    assert done.returncode == 0, done.stdout[-2000:]
    results = json.loads((runs / "results" / "results.json").read_text())
    for model in results["models"].values():
        assert model["intervals"].keys() == model["scores"].keys()
        for way, by_lang in model["intervals"].items():
            assert list(by_lang) == ["en", "de", "sw", "average"]
            for lang, (low, high) in by_lang.items():
                assert 0 <= low <= model["scores"][way][lang] <= high <= 100
    page = report(tmp_path, runs)
    assert "2 training runs, 1 evaluation." in page.text
    assert "option mix zero" in page.text and "training-set pairs source" in page.text
    assert "no log was found" not in page.text
    (costs,) = re.findall(
        r"mix 1 \(CPU\) 0:\d\d:\d\d (\d+) [\d.]+ ([\d.]+) ", page.text
    )
    # 24 rows in three languages, 8 a batch, twice.
    assert int(costs[0]) == 18 and 0.05 < float(costs[1]) < 20
    assert re.search(r"mix \(mean\) [\d.]+ [\d.]+ to [\d.]+ ", page.text)
    assert len(page.of("img")) == 3
