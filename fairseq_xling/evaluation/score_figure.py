"""The figure of an evaluation: scores by language."""

import math
from pathlib import Path
from typing import Any, Dict, Optional

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_xling.evaluation.figures import (
    FONT_SIZE,
    HANDLE_WIDTH,
    stripe_languages,
    style,
    text_width,
)
from fairseq_xling.files.atomic import PathLike, atomic_file

# Widths in inches: of a model's markers, and of the space between two languages.
MARKER_WIDTH, GAP_WIDTH = 0.13, 0.25


def save_score_figure(
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
    legend_width = HANDLE_WIDTH + max(map(text_width, labels))
    width = max(5.0, legend_width, 1.2 + max(0.55, group) * len(languages))
    columns = min(int(width / legend_width), 3, len(scores))
    height = 3.8 + 0.22 * math.ceil(len(scores) / columns)
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    stripe_languages(axes, len(languages))
    step = MARKER_WIDTH / group if len(scores) > 1 else 0.0
    for i, by_lang in enumerate(scores.values()):
        shift = (i - (len(scores) - 1) / 2) * step
        axes.plot(
            [x + shift for x in range(len(languages))],
            [by_lang[lang] for lang in languages],
            linestyle="none",
            markersize=6,
            label=labels[i],
            **style(i),
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
