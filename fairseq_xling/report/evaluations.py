"""The page's part about an evaluation: scores, and differences to the baseline."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Tuple

from fairseq_xling.evaluation.bootstrap import Difference
from fairseq_xling.evaluation.result_files import (
    BENCHMARKS,
    ScoredModel,
    load_results,
    reading_results,
    scored_models,
)
from fairseq_xling.evaluation.score_table import p_text
from fairseq_xling.families import FAMILIES
from fairseq_xling.report.page import Noted
from fairseq_xling.tables import Cell

# Of the mean over languages, as results name it.
AVERAGE = "average"


@dataclass
class Evaluation:
    """Models on one split.

    Attributes:
        results: what ``results.json`` holds.
        title: of its part of the page.
        languages: those with scores.
        models: with scores by language, from the stream that predicts.
        differences: of each further model to the first, by language and of the
            average.
        figures, difference_figures: PNG files.
    """

    results: Dict[str, Any]
    title: str
    languages: List[str]
    models: List[ScoredModel]
    differences: Dict[str, Dict[str, Difference]]
    figures: List[bytes] = field(default_factory=list)
    difference_figures: List[bytes] = field(default_factory=list)

    @property
    def columns(self) -> List[str]:
        """The languages, and the average over them."""
        return [*self.languages, AVERAGE]

    @property
    def baseline(self) -> str:
        """The first of several models."""
        return str(self.results.get("baseline"))

    @property
    def has_exact_match(self) -> bool:
        """Whether a score is the mean of F1 and exact match."""
        return any("exact_match" in x for x in self.results["models"].values())

    @property
    def has_intervals(self) -> bool:
        """Whether scores have intervals."""
        return any(model.intervals for model in self.models)

    @property
    def what(self) -> str:
        """What a score is."""
        title = FAMILIES[self.results["family"]].title
        return f"The mean of {title}" if self.has_exact_match else title

    def score_rows(self) -> List[List[Cell]]:
        """A model a row: scores with their intervals, and the gap."""
        rows: List[List[Cell]] = []
        for model in self.models:
            entry = self.results["models"][model.name]
            has_ways = len(entry["scores"]) > 1
            row: List[Cell] = [
                f"{model.name} ({entry['predict']})" if has_ways else model.name
            ]
            values = {**model.scores, AVERAGE: model.average}
            for lang in self.columns:
                cell: Cell = values.get(lang)
                if cell is not None and lang in model.intervals:
                    low, high = model.intervals[lang]
                    cell = Noted(cell, [f"{low:.1f} to {high:.1f}"])
                row.append(cell)
            rows.append([*row, model.gap])
        return rows

    def further_tables(self) -> List[Tuple[str, List[List[Cell]]]]:
        """Scores of all streams, and F1 beside exact match, by what they are."""
        kinds = {"scores": "all streams"}
        if self.has_exact_match:
            kinds = {"f1": "F1", "exact_match": "exact match"}
        found = []
        for key, name in kinds.items():
            rows: List[List[Cell]] = [
                [f"{model} ({way})", *map(by_lang.get, [*self.columns, "gap"])]
                for model, entry in self.results["models"].items()
                for way, by_lang in entry.get(key, {}).items()
            ]
            if key != "scores" or len(rows) > len(self.models):
                found.append((name, rows))
        return found

    def difference_rows(self) -> List[List[Cell]]:
        """A model a row: differences, with interval and p-value."""
        return [
            [name, *(difference_cell(by_lang.get(x)) for x in self.columns)]
            for name, by_lang in self.differences.items()
        ]


def difference_cell(one: Any) -> Cell:
    """A difference, its interval and its p-value."""
    if one is None:
        return None
    notes = [f"{one.low:+.1f} to {one.high:+.1f}", p_text(one.p_value)]
    return Noted(f"{one.value:+.1f}", notes, one.p_value < 0.05)


def read_evaluation(path: Path, name: str) -> Evaluation:
    """Read a ``results.json``."""
    (results,) = load_results([path])
    with reading_results(path):
        models = scored_models(results)
        FAMILIES[results["family"]], results["metric"], results["source_lang"]
        for entry in results["models"].values():
            for by_lang in entry["scores"].values():
                list(map(float, by_lang.values()))
        names = [x.name for x in fields(Difference)]
        differences = {
            model: {
                lang: Difference(**{x: float(one[x]) for x in names})
                for lang, one in by_lang.items()
            }
            for model, by_lang in results.get("differences", {}).items()
        }
        held = {lang for one in models for lang in one.scores}
        languages = [lang for lang in results["languages"] if lang in held]
        title = f"{BENCHMARKS[results['task']]}, {results['split']} ({name})"
        return Evaluation(results, title, languages, models, differences)
