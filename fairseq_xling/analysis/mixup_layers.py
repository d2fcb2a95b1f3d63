"""Scores of models that mix in different layers (X-Mixup Figure 5)."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from matplotlib.figure import Figure

from fairseq_xling.analysis.findings import Findings
from fairseq_xling.analysis.models import load_record
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.figures import add_legend, drawable, panels, style
from fairseq_xling.evaluation.result_files import BENCHMARKS, ScoredModel, read_models
from fairseq_xling.tables import Cell, markdown_table

DASHES = ["--", "-.", ":", (0, (8, 2))]
# A model's averages by layer, and those of the models without mixup.
TaskScores = Tuple[Dict[int, float], Dict[str, float]]


def analyze_layers(
    results: Sequence[str],
    names: Optional[Sequence[str]] = None,
    given: Optional[Sequence[int]] = None,
    baselines: Sequence[str] = (),
) -> Findings:
    """Draw the average over languages against the layer that mixes.

    Args:
        results: ``results.json`` files.
        names: of models; None for all but the baselines.
        given: the layer of each; None for what its checkpoint says.
        baselines: names of models that do not mix.

    Raises:
        UserError: a layer is not known, or two models mix in the same one.
    """
    everyone = read_models(results)
    known = {one.name for one in everyone}
    lacking = sorted(set(baselines) - known)
    if lacking:
        raise UserError(
            f"--baseline {' '.join(lacking)}: not in the results, which have "
            f"{', '.join(sorted(known))}"
        )
    mixed = [one for one in everyone if one.name not in baselines]
    if names:
        mixed = read_models(results, names)
    layers = choose_layers(mixed, given)
    tasks: Dict[str, TaskScores] = {}
    metrics: Dict[str, str] = {}
    for one, layer in zip(mixed, layers):
        by_layer, _ = tasks.setdefault(one.task, ({}, {}))
        metrics[one.task] = one.results["metric"]
        if layer in by_layer:
            raise UserError(
                f"{one.name}: a second model of {one.task} that mixes in layer "
                f"{layer}; choose with --models, or leave it out with --baseline"
            )
        by_layer[layer] = one.average
    for one in everyone:
        if one.name in baselines and one.task in tasks:
            tasks[one.task][1][one.name] = one.average
    numbers = [
        {
            "task": task,
            "metric": metrics[task],
            "average_by_layer": dict(sorted(by_layer.items())),
            "baselines": lines,
        }
        for task, (by_layer, lines) in tasks.items()
    ]
    return Findings(
        {"tasks": numbers},
        layer_table(tasks),
        {"layers": draw_layers(numbers)},
    )


def choose_layers(
    models: Sequence[ScoredModel], given: Optional[Sequence[int]]
) -> List[int]:
    """The layer that each model mixes in: as given, or as its checkpoint says."""
    if given:
        if len(given) != len(models) or min(given) < 1:
            raise UserError(
                f"--layers {' '.join(map(str, given))}: give one from 1 on for each of "
                f"{', '.join(one.name for one in models)}"
            )
        return list(given)
    return [layer_of(one) for one in models]


def layer_of(one: ScoredModel) -> int:
    """The one layer that a checkpoint was trained to mix in."""
    options = stored_options(load_record(one, "--layers"), "model")
    asked = str(options.get("mixup_layer"))
    if not asked.isdigit() or int(asked) == 0:
        raise UserError(
            f"{one.path}: {one.name} mixes in layer {asked}, not in one; name it with "
            "--baseline, or choose others with --models"
        )
    return int(asked)


def layer_table(tasks: Dict[str, TaskScores]) -> str:
    """Averages by layer, in Markdown."""
    layers = sorted({layer for by_layer, _ in tasks.values() for layer in by_layer})
    names = list(dict.fromkeys(name for _, lines in tasks.values() for name in lines))
    rows: List[List[Cell]] = [
        [BENCHMARKS[task], *map(by_layer.get, layers), *map(lines.get, names)]
        for task, (by_layer, lines) in tasks.items()
    ]
    return (
        markdown_table(["mixup in layer", *map(str, layers), *names], rows)
        + "\nScore in percent, averaged over languages.\n"
    )


def draw_layers(tasks: Sequence[Dict[str, Any]]) -> Figure:
    """A panel a task: solid where layers mix, broken lines without."""
    figure, panel = panels([BENCHMARKS[one["task"]] for one in tasks])
    names = list(dict.fromkeys(name for one in tasks for name in one["baselines"]))
    for axes, one in zip(panel, tasks):
        by_layer = one["average_by_layer"]
        axes.plot(list(by_layer), list(by_layer.values()), label="mixup", **style(0))
        for name, value in one["baselines"].items():
            number = names.index(name)
            axes.axhline(
                value,
                color=style(number + 1)["color"],
                linestyle=DASHES[number % len(DASHES)],
                label=drawable(name),
            )
        axes.set_xticks(list(by_layer))
        axes.set_xlabel("layer that mixes")
        axes.set_ylabel(f"{one['metric']}, average (%)")
        axes.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure
