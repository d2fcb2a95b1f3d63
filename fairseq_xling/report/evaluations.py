"""Scores of ``xling-evaluate``: tables and figures."""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from fairseq_xling.analysis.score_files import ScoredModel, scored
from fairseq_xling.cli.benchmark_tables import TASKS, load_results
from fairseq_xling.errors import UserError
from fairseq_xling.report.figures import draw_differences, draw_scores
from fairseq_xling.report.markup import (
    Markup,
    details,
    element,
    escape,
    image,
    join,
    paragraph,
    table,
)
from fairseq_xling.tables import WHAT

# Of the mean over languages, as results name it.
AVERAGE = "average"
Bounds = Tuple[float, float]


class Difference(NamedTuple):
    """A difference to the baseline, in points, with its interval."""

    value: float
    low: float
    high: float
    p_value: float


class Evaluation(NamedTuple):
    """Models on one split.

    Attributes:
        results: what ``results.json`` holds.
        title: of its section.
        languages: those with scores.
        models: with scores by language, from the stream that predicts.
        intervals: by model, by language and of the average; empty without.
        differences: likewise, of each further model to the first.
    """

    results: Dict[str, Any]
    title: str
    languages: List[str]
    models: List[ScoredModel]
    intervals: Dict[str, Dict[str, Bounds]]
    differences: Dict[str, Dict[str, Difference]]


def read_evaluation(path: Path, name: str) -> Evaluation:
    """Read a ``results.json``.

    Args:
        path: the file.
        name: of its folder.

    Raises:
        UserError: it is none of ``xling-evaluate``.
    """
    (results,) = load_results([str(path)])
    try:
        models = [
            scored(str(key), model, results)
            for key, model in results["models"].items()
            if model["scores"]
        ]
        held = {lang for one in models for lang in one.scores}
        title = f"{TASKS[results['task']]}, {results['split']} ({name})"
        return Evaluation(
            results,
            title,
            [lang for lang in results["languages"] if lang in held],
            [checked(one) for one in models],
            {one.name: intervals_of(one) for one in models},
            {
                str(key): {
                    lang: Difference(*(float(one[x]) for x in Difference._fields))
                    for lang, one in by_lang.items()
                }
                for key, by_lang in results.get("differences", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: not the results of xling-evaluate; run it again"
        ) from None


def checked(one: ScoredModel) -> ScoredModel:
    """The same.

    Raises:
        KeyError, TypeError or ValueError: it lacks something that is shown.
    """
    results = one.results
    WHAT[results["family"]], results["metric"], results["source_lang"]
    by_way = results["models"][one.name]["scores"].values()
    values = [value for by_lang in by_way for value in by_lang.values()]
    list(map(float, [*one.scores.values(), one.average, *values]))
    return one


def intervals_of(one: ScoredModel) -> Dict[str, Bounds]:
    """A model's intervals, of the stream that predicts."""
    model = one.results["models"][one.name]
    by_lang = model.get("intervals", {}).get(model["predict"], {})
    return {lang: (float(low), float(high)) for lang, (low, high) in by_lang.items()}


def show_evaluation(one: Evaluation) -> Markup:
    """The scores, the differences to the baseline, and their figures."""
    if not one.models:
        return paragraph("No scores: the split has no labels.")
    columns = [*one.languages, AVERAGE]
    parts = [
        score_table(one, columns),
        paragraph(score_legend(one), "legend"),
        *further_tables(one),
        *(
            image(figure, f"Score of each model in each language: {one.title}")
            for figure in draw_scores(one, columns)
        ),
    ]
    if one.differences:
        baseline = str(one.results.get("baseline"))
        parts += [
            element("h4", f"Differences to {baseline}"),
            difference_table(one, columns),
            paragraph(DIFFERENCE_LEGEND.format(baseline=baseline), "legend"),
            *(
                image(figure, f"Difference to {baseline} in each language: {one.title}")
                for figure in draw_differences(one, columns)
            ),
        ]
    return join(parts)


DIFFERENCE_LEGEND = (
    "Points that a model is above (+) or below (-) {baseline} on the same rows. Below "
    "it the 95 percent confidence interval, and p: how often two equally good models "
    "would differ by so much by chance (paired bootstrap over rows, two-sided, of each "
    "cell by itself: among twenty cells one below 0.05 is to be expected). Bold: p is "
    "below 0.05, and the difference is called significant. Other seeds of the same "
    "training may differ by more."
)


def score_legend(one: Evaluation) -> str:
    """What the table of scores shows."""
    results = one.results
    what = WHAT[results["family"]]
    if results["family"] == "qa":
        what = "The mean of F1 and exact match"
    text = (
        f"{what} in percent; Avg.: mean over languages; Gap: the score in "
        f"{results['source_lang']} minus the mean of the others'"
        + (" (of the exact match)" if results["family"] == "qa" else "")
        + "."
    )
    if any(one.intervals.values()):
        text += (
            " Below a score its 95 percent confidence interval: where it would "
            "probably be on other rows of the same kind (bootstrap over rows). What "
            "another seed of the training would change is not in it."
        )
    return text


def score_table(one: Evaluation, columns: Sequence[str]) -> Markup:
    """A model a row, a language a column."""
    rows = []
    for model in one.models:
        found = one.intervals[model.name]
        values = {**model.scores, AVERAGE: model.average}
        way = model.results["models"][model.name]["predict"]
        has_ways = len(model.results["models"][model.name]["scores"]) > 1
        label = f"{model.name} ({way})" if has_ways else model.name
        cells = [with_bounds(values.get(x), found.get(x)) for x in columns]
        rows.append([label, *cells, model.gap])
    return table(["model", *one.languages, "Avg.", "Gap"], rows)


def with_bounds(value: Optional[float], bounds: Optional[Bounds]) -> Any:
    """A score, and its interval below it."""
    if value is None or bounds is None:
        return value
    low, high = bounds
    small = element("small", f"{low:.1f} to {high:.1f}")
    return Markup(f"{escape(float(value))}{small}")


def further_tables(one: Evaluation) -> List[Markup]:
    """All streams, and F1 beside exact match, on demand."""
    kinds = {"scores": "all streams"}
    if one.results["family"] == "qa":
        kinds = {"f1": "F1", "exact_match": "exact match"}
    parts = []
    for key, name in kinds.items():
        rows = [
            [f"{model} ({way})", *(by_lang.get(x) for x in one.languages)]
            + [by_lang.get(AVERAGE), by_lang.get("gap")]
            for model, entry in one.results["models"].items()
            for way, by_lang in entry.get(key, {}).items()
        ]
        if key != "scores" or len(rows) > len(one.models):
            shown = table(["model (stream)", *one.languages, "Avg.", "Gap"], rows)
            parts.append(details(f"Scores of {name}", shown))
    return parts


def difference_table(one: Evaluation, columns: Sequence[str]) -> Markup:
    """A model a row, a language a column."""
    rows = []
    for name, by_lang in one.differences.items():
        rows.append([name, *(difference_cell(by_lang.get(x)) for x in columns)])
    return table(["model", *one.languages, "Avg."], rows)


def difference_cell(one: Optional[Difference]) -> Optional[Markup]:
    """A difference, its interval and its p-value."""
    if one is None:
        return None
    value: Any = f"{one.value:+.1f}"
    if one.p_value < 0.05:
        value = element("strong", value)
    p_text = f"p = {one.p_value:.3f}" if one.p_value >= 0.001 else "p < 0.001"
    bounds = element("small", f"{one.low:+.1f} to {one.high:+.1f}")
    return Markup(f"{escape(value)}{bounds}{element('small', p_text)}")
