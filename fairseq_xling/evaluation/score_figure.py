"""The figure of an evaluation: scores by language."""

from typing import Any, Dict, Optional

from matplotlib.figure import Figure

from fairseq_xling.evaluation.figures import (
    add_legend,
    draw_points,
    language_width,
    panels,
    stripe_languages,
)


def draw_scores(results: Dict[str, Any], chance: Optional[float] = None) -> Figure:
    """Draw the score of each model in each language.

    Languages stand in the order of the first model's score, the source language
    first; those without one are left out.

    Args:
        results: what ``xling-evaluate`` writes to ``results.json``.
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
    title = f"{results['task']}, {results['split']}"
    figure, (axes,) = panels([title], language_width(languages, len(scores)))
    stripe_languages(axes, len(languages))
    draw_points(
        axes,
        languages,
        {f"{name} (average {x['average']:.1f})": x for name, x in scores.items()},
    )
    lowest = min(by_lang[lang] for by_lang in scores.values() for lang in languages)
    if chance is not None and lowest < chance + 10:
        label = f"chance ({chance:.1f})"
        axes.axhline(chance, color="grey", linestyle=":", label=label)
    axes.set_xlabel("language (source first, then by the first model's score)")
    axes.set_ylabel(f"{results['metric']} (%)")
    add_legend(figure)
    return figure
