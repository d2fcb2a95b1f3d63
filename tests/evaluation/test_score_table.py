"""The table of an evaluation."""

import pytest

from fairseq_xling.evaluation.score_table import score_table

RESULTS = {
    "task": "xnli",
    "family": "classification",
    "split": "test",
    "languages": ["en", "de"],
    "models": {
        "zero": {
            "predict": "target",
            "scores": {"target": {"en": 90.0, "average": 90.0}},
        },
        "ours": {
            "predict": "mean",
            "scores": {
                "mean": {"en": 80.0, "de": 70.0, "average": 75.0, "gap": 10.0},
                "target": {"en": 80.0, "de": 60.0, "average": 70.0, "gap": 20.0},
            },
        },
    },
}


def test_table_has_a_row_a_model_and_stream_and_marks_the_predicting_one():
    lines = score_table(RESULTS).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["model", "(stream)", "en", "de", "Avg.", "Gap"],
        ["zero", "(target)", "*", "90.0", "-", "90.0", "-"],
        ["ours", "(mean)", "*", "80.0", "70.0", "75.0", "10.0"],
        ["ours", "(target)", "80.0", "60.0", "70.0", "20.0"],
    ]
    assert "* predicts" in lines[5]
    assert "| ours (mean) * | 80.0 | 70.0 | 75.0 | 10.0 |" in score_table(RESULTS, True)


@pytest.mark.parametrize(
    "p_value, text", [(0.0002, "p < 0.001"), (0.0123, "p = 0.012")]
)
def test_table_tells_differences_with_their_interval(p_value, text):
    difference = {"value": 1.5, "low": -0.25, "high": 3.0, "p_value": p_value}
    results = {
        **RESULTS,
        "baseline": "zero",
        "differences": {"ours": {"average": difference}},
    }
    line = (
        "ours minus zero: +1.50 points on average (95 percent interval -0.25 to +3.00, "
        f"{text}, paired bootstrap)"
    )
    assert line in score_table(results).splitlines()
    # A list, because Markdown runs the lines of a paragraph together.
    assert f"- {line}" in score_table(results, markdown=True).splitlines()


def test_table_without_labels_says_so():
    models = {"ours": {"predict": "mean", "scores": {}}}
    text = score_table({**RESULTS, "models": models})
    assert text == "No scores: xnli test has no labels.\n"
