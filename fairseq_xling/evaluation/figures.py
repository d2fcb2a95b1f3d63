"""What the figures share: panels, legends, labels, and texts that can be drawn."""

import math
import unicodedata
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from fairseq_xling.files.atomic import PathLike, atomic_file

# The palette of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
FONT_SIZE = 10
# Inches of what stands beside a text of a legend.
HANDLE_WIDTH = 0.6
PANEL_WIDTH, PANEL_HEIGHT = 4.6, 3.8
MOST_COLUMNS = 3
# Pixels: of a label's distance from its point, and of a marker.
DISTANCES = (8, 16, 28, 44, 64, 90, 130)
MARKER_SIZE = 7
# A longer name of a language is cut.
LONGEST_NAME = 20
# Low and high of an interval.
Bounds = Tuple[float, float]
# The word before a letter's own in its Unicode name, the innermost first.
LETTER_WORDS = ("SARA", "SYLLABLE", "LETTER", "CHARACTER")


def style(number: int) -> Dict[str, Any]:
    """Colour and marker of a series; both together differ for the first 49."""
    shift = number // len(COLOURS)
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[(number + shift) % len(MARKERS)],
    }


def drawable(text: str) -> str:
    """A text that shows no boxes: what the font lacks is spelled in Latin letters."""
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    shown = [c if ord(c) in glyphs else spelled(c) for c in text]
    # A dollar would begin a formula.
    return "".join(shown).replace("$", r"\$")


def spelled(character: str) -> str:
    """What Unicode calls a letter, such as ``ha``; of signs that are none, the code."""
    words = unicodedata.name(character, f"U+{ord(character):04X}").split()
    for word in LETTER_WORDS:
        if word in words[:-1]:
            return words[words.index(word) + 1].lower()
    if "VOWEL" in words:
        return words[-1].lower()
    is_mark = unicodedata.category(character) == "Mn"
    return "" if is_mark else words[-1].split("-")[-1]


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Inches that a text takes up."""
    if not text.strip():  # of which matplotlib 3.11 makes no path
        return 0.0
    path = TextPath((0, 0), text, size=size)
    # Glyphs reach as far as the points of their curves; to close one, none counts.
    places = path.vertices[path.codes != Path.CLOSEPOLY, 0]
    return float(np.ptp(places)) / 72 if len(places) else 0.0


def panels(
    titles: Sequence[str],
    width: float = PANEL_WIDTH,
    height: float = PANEL_HEIGHT,
    **options: Any,
) -> Tuple[Figure, List[Axes]]:
    """Panels with a title each, at most three in a row.

    Args:
        titles: of the panels; empty for none.
        width, height: of a panel, in inches.
        options: of matplotlib's ``subplots``.
    """
    titles = [drawable(title) for title in titles]
    columns = 2 if len(titles) == 4 else min(len(titles), MOST_COLUMNS)
    lines = math.ceil(len(titles) / columns)
    width = max([width, *(0.6 + text_width(title, 12) for title in titles)])
    figure = Figure(
        figsize=(width * columns, height * lines), dpi=150, layout="constrained"
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(lines, columns, squeeze=False, **options).ravel()
    for axes, title in zip(grid, titles):
        axes.set_title(title)
        axes.tick_params(labelleft=True, labelbottom=True)
    for axes in grid[len(titles) :]:
        axes.remove()
    return figure, list(grid[: len(titles)])


def add_legend(figure: Figure) -> None:
    """Name the series below the panels, each once, in columns that fit."""
    named: Dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            named.setdefault(label, handle)
    if not named:
        return
    widest = HANDLE_WIDTH + max(map(text_width, named))
    width, height = figure.get_size_inches()
    width = max(width, widest + 0.2)
    columns = max(1, min(int((width - 0.2) / widest), len(named), 8))
    lines = math.ceil(len(named) / columns)
    figure.set_size_inches(width, height + 0.22 * lines)
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", ncols=columns,
        frameon=False, fontsize=FONT_SIZE,
    )  # fmt: skip


def name_languages(axes: Axes, languages: Sequence[str]) -> None:
    """Languages along the x axis, upright where they would run into each other."""
    names = [drawable(lang) for lang in languages]
    names = [x if len(x) <= LONGEST_NAME else x[:LONGEST_NAME] + "…" for x in names]
    figure: Any = axes.figure
    columns = figure.axes[0].get_gridspec().ncols
    room = (figure.get_size_inches()[0] / columns - 1.0) / max(len(names), 1)
    is_long = max(map(text_width, names), default=0.0) > 0.85 * room
    axes.set_xticks(range(len(names)), names, rotation=90 if is_long else 0)
    axes.set_xlim(-0.5, len(names) - 0.5)


def language_width(languages: Sequence[str], series: int = 1) -> float:
    """Inches of a panel with languages along its x axis."""
    return max(PANEL_WIDTH, 1.2 + len(languages) * max(0.42, 0.13 * series + 0.2))


def spread(count: int) -> List[float]:
    """Where series stand around a language's place, so that none covers another."""
    step = min(0.12, 0.7 / max(count, 1))
    return [(i - (count - 1) / 2) * step for i in range(count)]


def stripe_languages(axes: Axes, count: int) -> None:
    """Shade every second language."""
    for i in range(1, count, 2):
        axes.axvspan(i - 0.5, i + 0.5, color="#f2f2f2", linewidth=0, zorder=0)


def draw_points(
    axes: Axes,
    columns: Sequence[str],
    series: Dict[str, Dict[str, float]],
    bounds: Optional[Dict[str, Dict[str, Bounds]]] = None,
    looks: Optional[Dict[str, Dict[str, Any]]] = None,
) -> None:
    """Draw points side by side in each language, with their intervals.

    Args:
        axes: where.
        columns: languages, and ``"average"`` where there is one.
        series: by name, the value of each language that has one.
        bounds: likewise, low and high.
        looks: of a series, where it is not that of its place.
    """
    for i, (name, shift) in enumerate(zip(series, spread(len(series)))):
        values, limits = series[name], (bounds or {}).get(name, {})
        look = {**style(i), **(looks or {}).get(name, {})}
        held = [(x + shift, lang) for x, lang in enumerate(columns) if lang in values]
        axes.plot(
            [x for x, _ in held], [values[lang] for _, lang in held],
            linestyle="none", label=drawable(name), **look,
        )  # fmt: skip
        for x, lang in held:
            if lang in limits:
                axes.vlines(x, *limits[lang], color=look["color"], linewidth=1.4)
    name_languages(axes, ["Avg." if x == "average" else x for x in columns])
    axes.set_xlabel("language")
    axes.grid(axis="y", alpha=0.3)


def label_points(axes: Axes, points: np.ndarray, labels: Sequence[str]) -> None:
    """Write each point's label beside it, where nothing else is.

    Called last, as it goes by where things stand in the figure.

    Args:
        points: ``(points, 2)``, in data coordinates.
        labels: one a point.
    """
    figure: Any = axes.figure
    figure.draw_without_rendering()
    places = axes.transData.transform(points)
    bounds = axes.get_window_extent().extents
    half = MARKER_SIZE * figure.dpi / 72 / 2 + 1
    taken = np.concatenate([places - half, places + half], axis=1)
    angles = np.arange(0, 2 * np.pi, np.pi / 8)
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for point, place, label in zip(points, places, map(drawable, labels)):
        size = np.array([text_width(label, 9) + 0.03, 0.17]) * figure.dpi
        best_cost = math.inf
        for distance in DISTANCES:
            centres = place + towards * (half + distance + size / 2)
            boxes = np.concatenate([centres - size / 2, centres + size / 2], axis=1)
            outside = np.maximum(bounds - boxes, 0)[:, :2].sum(axis=1)
            outside += np.maximum(boxes - bounds, 0)[:, 2:].sum(axis=1)
            costs = overlaps(boxes, taken).sum(axis=1) + 1e4 * outside
            if costs.min() < best_cost:
                best, best_cost, away = boxes[costs.argmin()], costs.min(), distance
            if best_cost == 0:
                break
        taken = np.append(taken, best[None], axis=0)
        middle = (best[:2] + best[2:]) / 2
        line = {"arrowstyle": "-", "color": "grey", "linewidth": 0.6}
        note = axes.annotate(
            label, point, (middle - place) * 72 / figure.dpi,
            textcoords="offset points", ha="center", va="center", fontsize=9, zorder=4,
            arrowprops=line if away > DISTANCES[0] else None,
        )  # fmt: skip
        note.set_in_layout(False)


def overlaps(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The areas that boxes share with others.

    Args:
        some, others: ``(boxes, 4)``, each left, bottom, right and top.

    Returns:
        ``(boxes of some, boxes of others)``.
    """
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.maximum(high - low, 0.0).prod(axis=2)


def save_figure(figure: Figure, path: PathLike) -> None:
    """Write a figure as a PNG."""
    with atomic_file(path, "wb") as file:
        figure.savefig(file, format="png")
