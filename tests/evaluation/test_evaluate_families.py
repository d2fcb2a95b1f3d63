"""xling-evaluate on tags and on answers: what is the same of both."""

import json

import pytest
from evaluated import LANGUAGES, evaluate
from family_data import copy_with, question_folder, tag_folder
from raw_tags import read_tags
from refusals import refused


@pytest.fixture(params=["tagged", "asked"])
def models(request):
    """Trained models of a family."""
    return request.getfixturevalue(request.param)


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


def test_model_that_predicts_no_numbers_is_refused(models, tmp_path):
    def spoil(state):
        for name, value in state["model"].items():
            if "token_heads" in name and name.endswith("bias"):
                value.fill_(float("nan"))

    path = copy_with(models.mixed, tmp_path / "spoilt", spoil)
    with refused("probabilities that are not numbers in en"):
        evaluate(models.data, path, tmp_path / "out")


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
