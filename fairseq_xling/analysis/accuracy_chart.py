"""A chart of accuracy by language."""

from pathlib import Path
from typing import Any, Dict, Optional

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_xling.data.atomic import PathLike, atomic_file

# The palette of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]


def accuracy_chart(
    results: Dict[str, Any], path: PathLike, chance: Optional[float] = None
) -> None:
    """Draw the accuracy of each model in each language as a PNG.

    Languages stand in the order of the first model's accuracy, the source language
    first.

    Args:
        results: what ``xling-evaluate`` writes to ``results.json``.
        path: the PNG to write.
        chance: accuracy of guessing, in percent, drawn as a line.
    """
    models = results["models"]
    scores = {name: m["accuracy"][m["predict"]] for name, m in models.items()}
    first = next(iter(scores.values()))
    source = results["source_lang"]
    languages = sorted(
        results["languages"], key=lambda lang: (lang != source, -first[lang])
    )
    figure = Figure(figsize=(max(5.0, 1.5 + 0.7 * len(languages)), 4.2), dpi=150)
    axes = figure.add_subplot()
    for i, (name, by_lang) in enumerate(scores.items()):
        shift = (i - (len(scores) - 1) / 2) * 0.12
        axes.plot(
            [x + shift for x in range(len(languages))],
            [by_lang[lang] for lang in languages],
            marker=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            linestyle="none",
            markersize=7,
            label=f"{name} (average {by_lang['average']:.1f})",
        )
    if chance is not None:
        axes.axhline(chance, color="grey", linestyle=":", label="chance")
    axes.set_xticks(range(len(languages)), languages)
    axes.set_xlabel("language (source first, then by the first model's accuracy)")
    axes.set_ylabel("accuracy (%)")
    axes.set_title(f"{results['task']}, {results['split']}")
    axes.grid(axis="y", alpha=0.3)
    figure.legend(
        loc="outside lower center", ncols=2 if len(scores) > 1 else 1, frameon=False
    )
    figure.set_layout_engine("constrained")
    FigureCanvasAgg(figure)
    with atomic_file(Path(path), "wb") as file:
        figure.savefig(file, format="png")
