"""The chart of accuracy by language: what it shows, read from the figure itself."""

import matplotlib.image
import numpy as np
import pytest

from fairseq_xling.evaluation.figures import save_figure
from fairseq_xling.evaluation.results import draw_scores


def results(scores, languages=("en", "de", "sw")):
    models = {
        name: {
            "predict": "mean",
            "scores": {"mean": {**by_lang, "average": 70.0}, "target": {}},
        }
        for name, by_lang in scores.items()
    }
    head = {"task": "xnli", "split": "test", "source_lang": "en", "metric": "accuracy"}
    return {**head, "languages": list(languages), "models": models}


def drawn(scores, chance=None):
    figure = draw_scores(scores, chance)
    figure.draw_without_rendering()
    return figure


def markers(figure):
    """Label, x and y of each model's markers."""
    lines = figure.axes[0].get_lines()
    return [
        (line.get_label(), list(line.get_xdata()), list(line.get_ydata()))
        for line in lines
        if "chance" not in line.get_label()
    ]


SCORES = {
    "zero": {"en": 90.0, "de": 50.0, "sw": 70.0},
    "ours": {"en": 91.0, "de": 85.0, "sw": 80.0},
}


def test_languages_are_sorted_by_the_first_model_with_the_source_first():
    scores = {"low": {"en": 10.0, "de": 50.0, "sw": 70.0}, "ours": SCORES["ours"]}
    figure = drawn(results(scores))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["en", "sw", "de"]
    values = {label: y for label, _, y in markers(figure)}
    assert values == {
        "low (average 70.0)": [10.0, 70.0, 50.0],
        "ours (average 70.0)": [91.0, 80.0, 85.0],
    }
    assert axes.get_ylabel() == "accuracy (%)"


@pytest.mark.parametrize("count", [1, 2, 9])
def test_models_stand_side_by_side_and_can_be_told_apart(count):
    scores = {f"model {i}": SCORES["ours"] for i in range(count)}
    figure = drawn(results(scores))
    positions = sorted(x for _, xs, _ in markers(figure) for x in xs)
    assert len(set(positions)) == 3 * count
    assert all(abs(x - round(x)) < 0.45 for x in positions)
    lines = figure.axes[0].get_lines()
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == count
    # Side by side in inches, too: no marker covers its neighbour.
    width = figure.axes[0].get_window_extent().width / figure.dpi / 3
    if count > 1:
        assert np.diff(positions).min() * width > lines[0].get_markersize() / 72


@pytest.mark.parametrize("chance, shown", [(45.0, True), (33.3, False), (None, False)])
def test_chance_is_shown_where_scores_come_near_it(chance, shown):
    figure = drawn(results(SCORES), chance)
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert ("chance (45.0)" in labels) is shown


def test_languages_without_accuracy_are_left_out():
    chart = results(SCORES, ("en", "de", "sw", "ur"))
    figure = drawn(chart)
    labels = figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == ["en", "sw", "de"]


def test_names_are_no_formulas():
    figure = drawn(results({"a$\\bad$": SCORES["ours"]}))
    assert len(markers(figure)) == 1


def test_file_is_a_png_with_colours_and_nothing_else_is_left(tmp_path):
    save_figure(draw_scores(results(SCORES)), tmp_path / "chart.png")
    assert [path.name for path in tmp_path.iterdir()] == ["chart.png"]
    pixels = matplotlib.image.imread(tmp_path / "chart.png")[..., :3]
    for colour in ("0072B2", "D55E00"):
        want = np.array(list(bytes.fromhex(colour))) / 255
        assert (abs(pixels - want).max(axis=-1) < 0.01).sum() > 50


def test_global_state_of_pyplot_is_left_alone():
    import matplotlib.pyplot as plt

    drawn(results(SCORES))
    assert not plt.get_fignums()
