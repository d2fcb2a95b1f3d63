"""A chart of scores by language."""

import math
from pathlib import Path
from typing import Any, Dict, Optional

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from fairseq_xling.files.atomic import PathLike, atomic_file

# The palette of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
# Widths in inches: of a model's markers, of the space between two languages, and of
# what stands beside a text of the legend.
MARKER_WIDTH, GAP_WIDTH, HANDLE_WIDTH = 0.13, 0.25, 0.6
FONT_SIZE = 10


def score_chart(
    results: Dict[str, Any], path: PathLike, chance: Optional[float] = None
) -> None:
    """Draw the score of each model in each language as a PNG.

    Languages stand in the order of the first model's score, the source language
    first; those without one are left out.

    Args:
        results: what ``xling-evaluate`` writes to ``results.json``.
        path: the PNG to write.
        chance: score of guessing, in percent; drawn as a line where some score comes
            within 10 points of it.
    """
    models = results["models"]
    scores = {name: m["scores"][m["predict"]] for name, m in models.items()}
    first = next(iter(scores.values()))
    source = results["source_lang"]
    languages = sorted(
        (lang for lang in results["languages"] if lang in first),
        key=lambda lang: (lang != source, -first[lang]),
    )
    group = MARKER_WIDTH * len(scores) + GAP_WIDTH
    labels = [
        # A dollar would begin a formula.
        f"{name} (average {by_lang['average']:.1f})".replace("$", r"\$")
        for name, by_lang in scores.items()
    ]
    legend_width = HANDLE_WIDTH + max(
        TextPath((0, 0), label, size=FONT_SIZE).get_extents().width / 72
        for label in labels
    )
    width = max(5.0, legend_width, 1.2 + max(0.55, group) * len(languages))
    columns = min(int(width / legend_width), 3, len(scores))
    height = 3.8 + 0.22 * math.ceil(len(scores) / columns)
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for i in range(1, len(languages), 2):
        axes.axvspan(i - 0.5, i + 0.5, color="#f2f2f2", linewidth=0, zorder=0)
    step = MARKER_WIDTH / group if len(scores) > 1 else 0.0
    for i, by_lang in enumerate(scores.values()):
        shift = (i - (len(scores) - 1) / 2) * step
        axes.plot(
            [x + shift for x in range(len(languages))],
            [by_lang[lang] for lang in languages],
            # Beyond the seventh model, colours come again with other markers.
            marker=MARKERS[(i + i // len(COLOURS)) % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            linestyle="none",
            markersize=6,
            label=labels[i],
        )
    lowest = min(by_lang[lang] for by_lang in scores.values() for lang in languages)
    if chance is not None and lowest < chance + 10:
        label = f"chance ({chance:.1f})"
        axes.axhline(chance, color="grey", linestyle=":", label=label)
    axes.set_xlim(-0.5, len(languages) - 0.5)
    axes.set_xticks(range(len(languages)), languages)
    axes.set_xlabel("language (source first, then by the first model's score)")
    axes.set_ylabel(f"{results['metric']} (%)")
    axes.set_title(f"{results['task']}, {results['split']}")
    axes.grid(axis="y", alpha=0.3)
    figure.legend(
        loc="outside lower center", ncols=columns, frameon=False, fontsize=FONT_SIZE
    )
    FigureCanvasAgg(figure)
    with atomic_file(Path(path), "wb") as file:
        figure.savefig(file, format="png")
