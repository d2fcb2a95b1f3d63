"""Scores in languages that were trained on, and in others (X-Mixup Table 6)."""

from typing import Any, Dict, List, Optional, Sequence, Set

from matplotlib.figure import Figure

from fairseq_xling.analysis.findings import Findings, mean
from fairseq_xling.analysis.models import load_record
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.figures import (
    add_legend,
    draw_points,
    language_width,
    panels,
)
from fairseq_xling.evaluation.result_files import ScoredModel, read_models
from fairseq_xling.option_values import read_languages
from fairseq_xling.tables import Cell, decimals, markdown_table

GROUPS = ("seen", "unseen")


def analyze_unseen(
    results: Sequence[str],
    names: Optional[Sequence[str]] = None,
    given: Optional[str] = None,
) -> Findings:
    """Split the models' scores into seen and unseen languages.

    Args:
        results: ``results.json`` files.
        names: of models; None for all.
        given: comma list of the seen languages; None for what checkpoints say.

    Raises:
        UserError: the results are of several tasks, it is not known what was trained
            on, or the models differ in it.
    """
    models = read_models(results, names)
    first = models[0]
    if len({one.name for one in models}) < len(models):
        raise UserError(
            f"{', '.join(results)}: {first.name} is there more than once; give "
            "the results of one task"
        )
    seen = seen_by_all(models, given)
    by_group = {
        "seen": [lang for lang in first.scores if lang in seen],
        "unseen": [lang for lang in first.scores if lang not in seen],
    }
    for one in models:
        if set(one.scores) != set(first.scores):
            raise UserError(
                f"{one.name}: has scores in {','.join(one.scores)}, {first.name} in "
                f"{','.join(first.scores)}; evaluate both in the same languages"
            )
    if not all(by_group.values()):
        lacking = [group for group in GROUPS if not by_group[group]]
        raise UserError(
            f"{', '.join(results)}: no {' and no '.join(lacking)} languages among "
            f"{','.join(first.scores)}; evaluate with --target-langs, or give --seen"
        )
    entries = [model_entry(one, by_group, first) for one in models]
    numbers = {
        "task": first.task, "metric": first.results["metric"],
        **by_group, "models": entries,
    }  # fmt: skip
    return Findings(
        numbers,
        unseen_table(entries, by_group),
        {"unseen": draw_groups(numbers, models)},
    )


def seen_by_all(models: Sequence[ScoredModel], given: Optional[str]) -> Set[str]:
    """The languages that were trained on: as given, or as the checkpoints say."""
    if given is not None:
        seen = set(read_languages("--seen", given))
        unknown = sorted(seen - set(models[0].scores))
        if unknown:
            raise UserError(
                f"--seen {','.join(unknown)}: no scores in it; there are "
                f"{','.join(models[0].scores)}"
            )
        return seen
    by_model = {one.name: trained_on(one) for one in models}
    first, *others = by_model
    for name in others:
        if by_model[name] != by_model[first]:
            raise UserError(
                f"{name} was trained on {','.join(sorted(by_model[name]))}, {first} on "
                f"{','.join(sorted(by_model[first]))}; give --seen to say which count"
            )
    return by_model[first]


def trained_on(one: ScoredModel) -> Set[str]:
    """The languages that a checkpoint was trained on."""
    record = load_record(one, "--seen")
    if stored_options(record, "task").get("training_set") == "source":
        return {one.results["source_lang"]}
    languages = (record.get("task_state") or {}).get("languages")
    if not languages:
        raise UserError(
            f"{one.path}: does not say which languages it was trained on; give --seen"
        )
    return set(languages)


def model_entry(
    one: ScoredModel, by_group: Dict[str, List[str]], first: ScoredModel
) -> Dict[str, Any]:
    """A model's scores, their means, and its differences from the first model."""
    means = {
        group: mean([one.scores[lang] for lang in langs])
        for group, langs in by_group.items()
    }
    found = {"name": one.name, "scores": one.scores, **means, "average": one.average}
    if one is not first:
        found["minus"] = first.name
        found["difference"] = {
            lang: one.scores[lang] - first.scores[lang] for lang in one.scores
        }
    return found


def unseen_table(
    entries: Sequence[Dict[str, Any]], by_group: Dict[str, List[str]]
) -> str:
    """Scores, and differences from the first model, in Markdown."""
    header, rows = ["model"], []
    for group, langs in by_group.items():
        header += [*langs, f"{group} avg."]
    for one in entries:
        rows.append(unseen_row(one["name"], one["scores"], by_group))
        if "difference" in one:
            title = f"{one['name']} minus {one['minus']}"
            rows.append(unseen_row(title, one["difference"], by_group, "+"))
    legend = "Score in percent; first the languages that were trained on, then others."
    return f"{markdown_table([*header, 'Avg.'], rows)}\n{legend}\n"


def unseen_row(
    title: str, scores: Dict[str, float], by_group: Dict[str, List[str]], sign: str = ""
) -> List[Cell]:
    """A row of the table: scores and mean of each group, and of all."""
    cells: List[Cell] = [title]
    for langs in by_group.values():
        values = [scores[lang] for lang in langs]
        cells += [decimals(value, 1, sign) for value in [*values, mean(values)]]
    return [*cells, decimals(mean(list(scores.values())), 1, sign)]


def draw_groups(numbers: Dict[str, Any], models: Sequence[ScoredModel]) -> Figure:
    """Scores by language, with a line between seen and unseen languages."""
    langs = [lang for group in GROUPS for lang in numbers[group]]
    figure, (axes,) = panels([""], language_width(langs, len(models)))
    draw_points(axes, langs, {one.name: one.scores for one in models})
    border = len(numbers["seen"])
    axes.axvline(border - 0.5, color="grey", linestyle=":")
    for group, ends in (("seen", border), ("unseen", border + len(langs))):
        where = axes.get_xaxis_transform()
        axes.text((ends - 1) / 2, 1.02, group, transform=where, ha="center")
    axes.set_ylabel(f"{numbers['metric']} (%)")
    add_legend(figure)
    return figure
