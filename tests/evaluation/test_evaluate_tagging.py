"""xling-evaluate on tagging: its scores and files against XTREME's reading of them."""

import json
from itertools import product

import numpy as np
import pytest
from evaluated import LANGUAGES, arguments, evaluate
from family_data import tag_folder
from raw_data import files
from raw_tags import read_tags
from refusals import refused
from seqeval.metrics import f1_score

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.options import batch_options
from fairseq_xling.evaluation.evaluate import predict_split


def read_tag(path):
    """XTREME's evaluate.py: labels of a file, split at empty lines."""
    labels, example = [], []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            example.append(line.strip())
        elif example:
            labels.append(example)
            example = []
    return labels


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
@pytest.mark.parametrize("split, raw", [("test", "test"), ("valid", "dev")])
def test_scores_are_seqevals_of_the_prediction_files(tagged, tmp_path, split, raw):
    results = evaluate(tagged.data, tagged.zero, tmp_path, "--split", split)
    scores = results["models"]["zero"]["scores"]
    assert list(scores) == ["target"] and results["metric"] == "F1"
    want = {}
    for lang in LANGUAGES:
        gold = [tags for _, tags in read_tags(tagged.raw / f"{raw}-{lang}.tsv")]
        predicted = read_tag(tmp_path / f"predictions/zero/{split}-{lang}.tsv")
        assert [len(one) for one in predicted] == [len(one) for one in gold]
        want[lang] = 100 * f1_score(gold, predicted)
    found = scores["target"]
    assert {lang: found[lang] for lang in LANGUAGES} == pytest.approx(want)
    assert len(set(want.values())) == 3 and 0 < min(want.values()) < max(want.values())
    assert found["average"] == pytest.approx(sum(want.values()) / 3)
    gap = want["en"] - (want["de"] + want["zh"]) / 2
    assert found["gap"] == pytest.approx(gap)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert f"F1 in percent on udpos {split}" in (tmp_path / "results.txt").read_text()
    assert (tmp_path / "scores.png").read_bytes()[1:4] == b"PNG"


def test_mixup_reads_the_translations_unless_told_not_to(tagged, tmp_path):
    results = evaluate(tagged.data, tagged.mixed, tmp_path, "--compare", tagged.zero)
    # One sentence of each test set has no translation.
    mixed, zero = (results["models"][name] for name in ("mixed", "zero"))
    assert mixed["with_source"] == {"en": 0, "de": 8, "zh": 8}
    assert not any(zero["with_source"].values())
    task, model = load_task_model(str(tagged.mixed), str(tagged.data))
    args = arguments(tagged.data, tagged.mixed, tmp_path)
    found = predict_split(task, model, "test", batch_options(args))["de"].rows
    task.cfg.no_mixup_inference = True
    without = predict_split(task, model, "test", batch_options(args))["de"].rows
    same = [
        np.allclose(a.probabilities, b.probabilities, atol=1e-6)
        for a, b in zip(found, without)
    ]
    assert [row for row, is_same in enumerate(same) if is_same] == [2]


def test_test_sets_without_any_tags_get_predictions_only(tagged, spm, tmp_path, caplog):
    data = tag_folder(tmp_path / "raw", spm, unlabelled=LANGUAGES)
    options = ["--compare", tagged.mixed]
    with caplog.at_level("WARNING"):
        results = evaluate(data, tagged.zero, tmp_path / "out", *options)
    assert "test has no labels: only predictions are written" in caplog.text
    assert "differences" not in results
    assert not any(model["scores"] for model in results["models"].values())
    names = product(("zero", "mixed"), LANGUAGES)
    predictions = {f"predictions/{x}/test-{y}.tsv" for x, y in names}
    predictions |= {"results.txt", "results.md", "results.json"}
    assert files(tmp_path / "out").keys() == predictions


def test_checkpoints_and_data_of_different_tasks_are_refused(tagged, paired, tmp_path):
    with refused("mixed/.*: .*holds xnli data; .* reads udpos"):
        evaluate(paired.data, tagged.mixed, tmp_path / "out")


@pytest.mark.parametrize("given, read", [("zh", ["en", "zh"]), ("de,zh", LANGUAGES)])
def test_languages_are_those_asked_for(tagged, tmp_path, given, read):
    results = evaluate(tagged.data, tagged.zero, tmp_path, f"--target-langs={given}")
    assert results["languages"] == read


def test_language_that_the_data_lack_is_refused(tagged, tmp_path):
    with refused("--target-langs fr: not in .*holds de,zh"):
        evaluate(tagged.data, tagged.zero, tmp_path, "--target-langs=fr")
