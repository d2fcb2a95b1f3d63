"""The charts of MultiMix's appendix B: drawn, and their numbers."""

import numpy as np
import pytest
from matplotlib.image import imread

from fairseq_xling.analysis.confidence_penalty import numbers
from fairseq_xling.analysis.penalty_charts import (
    Judged,
    class_map,
    length_histogram,
    loss_by_length,
    loss_histogram,
    place,
)

LABELS = [f"B-{number}" for number in range(9)]


def judged(name="one", samples=40, points=60):
    generator = np.random.default_rng(0)
    return Judged(
        name,
        generator.random(samples),
        generator.integers(0, 6, samples),
        generator.integers(1, 50, samples),
        generator.random(samples) < 0.5,
        generator.normal(size=(points, len(LABELS))),
        generator.integers(0, len(LABELS), points),
    )


CHARTS = {
    "losses": lambda models, path: loss_histogram(models, 2, path),
    "pairs": lambda models, path: loss_histogram(models, 0, path),
    "loss-by-length": lambda models, path: loss_by_length(models, 2, "words", path),
    "lengths": lambda models, path: length_histogram(models, "words", path),
    "classes": lambda models, path: class_map(models, LABELS, 1, path),
}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("models", [1, 2])
def test_a_panel_a_model_is_drawn(tmp_path, name, models):
    chosen = [judged("$a", 40), judged("b", 3, 2)][:models]
    CHARTS[name](chosen, tmp_path / "chart.png")
    image = imread(tmp_path / "chart.png")
    assert image.shape[1] == 750 * models and image[..., :3].std() > 0.01


@pytest.mark.parametrize("name", [name for name in CHARTS if name != "classes"])
def test_samples_that_are_all_alike_are_drawn(tmp_path, name):
    one = judged()._replace(
        loss=np.zeros(4),
        wrong=np.zeros(4),
        length=np.ones(4),
        selected=np.ones(4, bool),
    )
    CHARTS[name]([one], tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 1000


@pytest.mark.parametrize("points", [0, 1, 2, 3, 5])
def test_few_points_are_placed(points):
    assert place(np.random.default_rng(0).normal(size=(points, 3)), 1).shape == (
        points, 2
    )  # fmt: skip


def test_numbers_are_those_of_plain_loops():
    one = judged()
    found = numbers(one, most_wrong=2)
    rows = list(zip(one.loss, one.wrong, one.length, one.selected))
    good = [loss for loss, wrong, _, _ in rows if wrong <= 2]
    noisy = [loss for loss, wrong, _, _ in rows if wrong > 2]
    chosen = [(wrong, length) for _, wrong, length, selected in rows if selected]
    assert found["accurate"] == len(good) and found["samples"] == 40
    assert found["loss_of_accurate"] == pytest.approx(sum(good) / len(good), abs=1e-4)
    assert found["loss_of_noisy"] == pytest.approx(sum(noisy) / len(noisy), abs=1e-4)
    assert found["accurate_of_selected"] == sum(wrong <= 2 for wrong, _ in chosen)
    mean = sum(length for _, length in chosen) / len(chosen)
    assert found["length_of_selected"] == pytest.approx(mean, abs=1e-4)
    assert numbers(one._replace(wrong=np.full(40, 9)), 2)["loss_of_accurate"] is None
