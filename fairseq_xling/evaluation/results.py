"""From predictions to what an evaluation reports and writes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

import numpy as np
from matplotlib.figure import Figure

from fairseq_xling.evaluation.bootstrap import paired_bootstrap, score_intervals
from fairseq_xling.evaluation.figures import (
    add_legend,
    draw_points,
    language_width,
    panels,
    save_figure,
    stripe_languages,
)
from fairseq_xling.evaluation.score_table import score_table
from fairseq_xling.evaluation.transfer_gap import summarize
from fairseq_xling.families import FAMILIES
from fairseq_xling.families.base import Predictions
from fairseq_xling.files.atomic import atomic_file


def has_source(predictions: Dict[str, Predictions]) -> bool:
    """Whether any row has a source stream."""
    return any(one.has_source.any() for one in predictions.values())


def score(
    predictions: Dict[str, Any], source_lang: str, way: str, ways: Sequence[str]
) -> Dict[str, Any]:
    """Scores of one model.

    Args:
        predictions: by language.
        source_lang: the language with labels.
        way: the stream that gives the model's prediction, where it has both.
        ways: the streams that can predict where there are counterparts.

    Returns:
        what ``results.json`` says of the model.
    """
    if not has_source(predictions):
        ways = ("target",)
    tables: Dict[str, Dict[str, Dict[str, float]]] = {"score": {}}
    for each in ways:
        by_lang = {lang: one.scores(each) for lang, one in predictions.items()}
        scored = {lang: scores for lang, scores in by_lang.items() if scores}
        for name in next(iter(scored.values()), {}):
            values = {lang: scores[name] for lang, scores in scored.items()}
            tables.setdefault(name, {})[each] = summarize(values, source_lang)
    if "exact_match" in tables:
        # Table 8's transfer gap is that of the exact match.
        for each, summary in tables["score"].items():
            if "gap" in summary:
                summary["gap"] = tables["exact_match"][each]["gap"]
    return {
        "predict": way if way in ways else "target",
        "rows": {lang: len(one) for lang, one in predictions.items()},
        "with_source": {
            lang: int(one.has_source.sum()) for lang, one in predictions.items()
        },
        "scores": tables.pop("score"),
        **tables,
        "lambda": {
            lang: {"mean": float(one.ratio.mean()), "std": float(one.ratio.std())}
            for lang, one in predictions.items()
            if one.ratio is not None
        },
    }


def outcomes(predictions: Dict[str, Any], way: str) -> Dict[str, np.ndarray]:
    """What the bootstrap draws from, of the languages with labels."""
    return {x: one.outcomes(way) for x, one in predictions.items() if one.scores(way)}


def intervals(
    predictions: Dict[str, Any], ways: Iterable[str], samples: int, seed: int
) -> Dict[str, Dict[str, List[float]]]:
    """95 percent confidence intervals of one model's scores, in percent.

    Returns:
        low and high by way and by language, and of the mean over languages under
        ``"average"``.
    """
    found = {}
    for way in ways:
        bounds = score_intervals(outcomes(predictions, way), samples, seed)
        found[way] = {lang: list(pair) for lang, pair in bounds.items()}
    return found


def compare(
    predictions: Dict[str, Dict[str, Any]],
    ways: Sequence[str],
    samples: int,
    seed: int,
) -> Dict[str, Dict[str, Any]]:
    """Differences of each further model to the first, where there are labels."""
    rows = {x: outcomes(predictions[x], way) for x, way in zip(predictions, ways)}
    first, *others = rows
    differences = {}
    for name in others:
        found = paired_bootstrap(rows[first], rows[name], samples, seed)
        differences[name] = {key: asdict(value) for key, value in found.items()}
    return differences


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


def write_results(
    folder: Path,
    results: Dict[str, Any],
    predictions: Dict[str, Dict[str, Any]],
) -> None:
    """Write tables, numbers, a figure and prediction files.

    Prediction files are XTREME's, rows in the order of the split.
    """
    texts: Dict[str, Iterable[str]] = {
        "results.txt": score_table(results),
        "results.md": score_table(results, markdown=True),
        "results.json": json.dumps(results, indent=2) + "\n",
    }
    for name, by_lang in predictions.items():
        way = results["models"][name]["predict"]
        for lang, one in by_lang.items():
            stem = f"{name}/{results['split']}-{lang}"
            texts[f"predictions/{stem}.{one.ending}"] = one.submission(way)
            n_best = one.n_best()
            if n_best is not None:
                texts[f"n-best/{stem}.json"] = n_best
    for path, parts in texts.items():
        with atomic_file(folder / path) as file:
            file.writelines(parts)
    if any(model["scores"] for model in results["models"].values()):
        chance = FAMILIES[results["family"]].chance(results["labels"])
        save_figure(draw_scores(results, chance), folder / "scores.png")
