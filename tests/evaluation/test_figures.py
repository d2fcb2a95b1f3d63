"""What all figures share: no boxes, nothing cut off, nothing upon another."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from fairseq_xling.evaluation.figures import (
    add_legend,
    drawable,
    label_points,
    language_width,
    name_languages,
    panels,
    spread,
    style,
)

NAMES = [
    "en",
    "Kiswahili",
    "हिन्दी",
    "中文",
    "ไทย",
    "$x$",
    "a $_$ b",
    "Ελληνικά",
    "русский",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_shows_a_box(name):
    figure, (axes,) = panels([name])
    axes.plot([0], [0], label=drawable(name))
    name_languages(axes, [name])
    add_legend(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph|constrained_layout")
        figure.draw_without_rendering()


def test_what_can_be_drawn_stays_as_it_is():
    assert drawable("Ελληνικά") == "Ελληνικά" and drawable("русский") == "русский"
    assert drawable("a$b") == r"a\$b"


def test_letters_that_the_font_lacks_are_spelled():
    found = [drawable(name) for name in NAMES[2:5]]
    assert found == ["hainadaii", "4E2D6587", "aithoyo"]


def test_series_can_be_told_apart():
    looks = [tuple(style(i).values()) for i in range(49)]
    assert len(set(looks)) == 49


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_series_stand_within_their_language(count):
    places = spread(count)
    assert len(set(places)) == count and max(map(abs, places)) < 0.5
    assert sum(places) == pytest.approx(0)


@pytest.mark.parametrize("titles, name", [(1, "b" * 60), (2, "b" * 30), (5, "a")])
def test_titles_and_legend_lie_within_the_picture(titles, name):
    figure, axes = panels([f"{name}{i}" for i in range(titles)], sharey=True)
    for i, each in enumerate(axes):
        each.plot([0, 1], [0, i], label=f"{name} {i}", **style(i))
        each.plot([0, 1], [1, i], label="everywhere", **style(6))
    add_legend(figure)
    figure.draw_without_rendering()
    boxes = [each.title.get_window_extent() for each in axes]
    boxes.append(figure.legends[0].get_window_extent())
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width + 1
        assert box.y0 >= -1 and box.y1 <= figure.bbox.height + 1
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert len(figure.legends[0].get_texts()) == titles + 1


@pytest.mark.parametrize("langs", [["en", "de"], NAMES, [f"l{i}" for i in range(40)]])
def test_names_of_languages_do_not_run_into_each_other(langs):
    figure, (axes,) = panels([""], language_width(langs, 3))
    name_languages(axes, langs)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(boxes) == len(langs)
    assert all(one.x1 < other.x0 for one, other in zip(boxes, boxes[1:]))
    assert min(box.y0 for box in boxes) >= 0


@settings(max_examples=4)
@given(st.integers(0, 2**31), st.sampled_from([2, 15, 40]))
def test_labels_cover_neither_points_nor_each_other(seed, count):
    points = np.random.default_rng(seed).normal(size=(count, 2))
    figure, (axes,) = panels(["points"], 0.18 * max(count, 25), 0.15 * max(count, 25))
    axes.scatter(*points.T, s=36)
    axes.margins(0.2)
    label_points(axes, points, [f"l{i}" for i in range(count)])
    figure.draw_without_rendering()
    # Of the texts alone, without the lines that lead to their points.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == count
    covered = sum(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    places = axes.transData.transform(points)
    covered += sum(box.contains(*place) for box in boxes for place in places)
    assert covered == 0
    bounds = axes.get_window_extent()
    assert all(box.x0 > bounds.x0 - 1 and box.x1 < bounds.x1 + 1 for box in boxes)


def test_points_upon_each_other_have_labels_apart():
    figure, (axes,) = panels(["points"])
    points = np.zeros((12, 2))
    axes.scatter(*points.T)
    label_points(axes, points, [f"language {i}" for i in range(12)])
    figure.draw_without_rendering()
    # Of the texts alone, without the lines that lead to their points.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
