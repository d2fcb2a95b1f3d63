"""xling-evaluate on tags and on answers: what is the same of both."""

import json

import numpy as np
import pytest
from evaluated import LANGUAGES, arguments, evaluate
from family_data import question_folder, tag_folder
from raw_tags import read_tags
from refusals import refused

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.options import batch_options
from fairseq_xling.evaluation.evaluate import predict_split


@pytest.fixture(params=["tagged", "asked"])
def models(request):
    """Trained models of a family."""
    return request.getfixturevalue(request.param)


def numbers(prediction):
    """Of a row: probabilities of tags, or of answers, which must be the same ones."""
    if hasattr(prediction, "probabilities"):
        return [], prediction.probabilities
    answers = prediction.answers
    return [one.text for one in answers], [one.probability for one in answers]


def test_predictions_do_not_change_with_batches(models):
    task, model = load_task_model(str(models.mixed), str(models.data))
    first, *others = (
        predict_split(
            task, model, "test", batch_options(arguments(models.data, "x", "y", limit))
        )
        for limit in ("--batch-size=1", "--batch-size=50", "--max-tokens=100")
    )
    assert list(first) == LANGUAGES
    for other in others:
        for lang in LANGUAGES:
            # The longest are read in several windows.
            for one, two in zip(first[lang].rows, other[lang].rows):
                (texts, want), (others_texts, got) = numbers(one), numbers(two)
                assert texts == others_texts
                np.testing.assert_allclose(got, want, atol=1e-5)


def test_comparison_gives_differences_with_intervals(models, tmp_path):
    options = ["--compare", models.zero, "--names", "a", "b"]
    options += ["--bootstrap-samples", 200]
    results = evaluate(models.data, models.mixed, tmp_path, *options)
    assert results["baseline"] == "a"
    first, second = (results["models"][name]["scores"]["target"] for name in "ab")
    for lang in (*LANGUAGES, "average"):
        difference = results["differences"]["b"][lang]
        value = second[lang] - first[lang]
        assert difference["value"] == pytest.approx(value, abs=1e-6)
        assert difference["low"] <= difference["value"] <= difference["high"]
    differences = results["differences"]["b"].values()
    assert any(one["low"] < one["high"] for one in differences)
    assert "b minus a" in (tmp_path / "results.txt").read_text()
    # Counterparts are read by the model that mixes them, not by the other one.
    with_source = [results["models"][name]["with_source"] for name in "ab"]
    assert with_source[0] == {"en": 0, "de": 8, "zh": 8}
    assert not any(with_source[1].values())


@pytest.mark.parametrize(
    "family, make, lacking",
    [
        ("tagged", tag_folder, ["zh"]),
        ("tagged", tag_folder, ["de", "zh"]),
        ("asked", question_folder, ["zh"]),
    ],
)
def test_languages_without_labels_get_predictions_only(
    request, spm, tmp_path, caplog, family, make, lacking
):
    models = request.getfixturevalue(family)
    data = make(tmp_path / "raw", spm, unlabelled=lacking)
    with caplog.at_level("WARNING"):
        results = evaluate(data, models.zero, tmp_path / "out")
    assert f"test has no labels in {','.join(lacking)}: no score" in caplog.text
    found = results["models"]["zero"]
    for name in {"scores", "f1", "exact_match"} & found.keys():
        left = set(found[name]["target"]) - {"average", "gap"}
        assert left == set(LANGUAGES) - set(lacking)
    (path,) = (tmp_path / "out/predictions/zero").glob("test-zh.*")
    if family == "asked":
        assert len(json.loads(path.read_text())) == 9
        header = (tmp_path / "out/results.txt").read_text().splitlines()[1]
        assert header.split()[-3] == "-"
        return
    words = [words for words, _ in read_tags(tmp_path / "raw/test-zh.tsv")]
    tags = path.read_text(encoding="utf-8").strip().split("\n\n")
    assert [len(one.split("\n")) for one in tags] == [len(one) for one in words]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--predict", "source"], "--predict source: .* is predicted from the targ"),
        (["--split", "train"], "--split train: the model was trained on it"),
    ],
)
def test_what_cannot_be_predicted_is_refused(models, tmp_path, options, message):
    with refused(message):
        evaluate(models.data, models.mixed, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
