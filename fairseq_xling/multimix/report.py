"""What a run of MultiMix came to, epoch by epoch."""

import json
from typing import Any, Dict, List, Sequence

import numpy as np

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.json_text import read_object
from fairseq_xling.multimix.algorithm import MODELS
from fairseq_xling.multimix.co_teaching import Plan
from fairseq_xling.multimix.epoch import Epoch
from fairseq_xling.multimix.updates import read_options
from fairseq_xling.stages import Stage
from fairseq_xling.tables import Cell, markdown_table


def describe_warm_up(plan: Plan, stages: Sequence[Stage]) -> Dict[str, Any]:
    """The trainings of the warm-up, if any, as :func:`describe_epoch` tells of them."""
    trainings = [
        {"model": model, **describe_training(stage)}
        for model, stage in zip(MODELS, stages)
    ]
    scores = read_scores(plan, 0)
    return {"epoch": 0, "trainings": trainings, "pools": {}, "scores": scores}


def describe_epoch(epoch: Epoch, trainings: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    """An epoch's trainings, sizes of the pools at each selection, and scores.

    Returns:
        ``epoch``; ``trainings``; ``pools`` by name and learner, with ``samples``,
        ``selected`` by each peer, ``selected_by_all``, ``agreed``, and, where the pool
        has labels, how many of the peers' are right in percent: ``accuracy`` and
        ``accuracy_selected`` of each, ``accuracy_agreed``; ``scores`` in percent by
        split and language, one a model.
    """
    pools: Dict[str, Any] = {}
    for pool in epoch.pools:
        by_learner = pools[pool] = {}
        for step in epoch.steps:
            for model in step.peers:
                folder = epoch.selected(step, pool, model)
                selection = Manifest.load(folder).selection
                assert selection is not None
                peers = selection["peers"]
                single = len(epoch.steps) == 1
                name = str(model) if single else f"{model} (step {step.number})"
                by_learner[name] = {
                    **selection["counts"],
                    "accuracy": [x.get("accuracy") for x in peers],
                    "accuracy_selected": [x.get("accuracy_selected") for x in peers],
                }
    return {
        "epoch": epoch.number,
        "trainings": list(trainings),
        "pools": pools,
        "scores": read_scores(epoch.plan, epoch.number),
    }


def describe_training(stage: Stage) -> Dict[str, int]:
    """How long a training was, how often it was validated, which update was best."""
    said = read_options(stage.command[3:])  # without the program and --user-dir
    state = look_into(stage.outputs[0])
    return {
        "updates": said.max_update,
        "validated_every": said.save_interval_updates,
        "best_update": state["optimizer_history"][-1]["num_updates"],
    }


def read_scores(plan: Plan, epoch: int) -> Dict[str, Dict[str, List[float]]]:
    """Scores in percent after an epoch, by split and language, one a model."""
    scores: Dict[str, Dict[str, List[float]]] = {}
    for path in sorted(plan.epoch_folder(epoch).glob("results-*/results.json")):
        models = read_object(path)["models"]
        split = path.parent.name.split("-", 1)[1]
        by_lang: Dict[str, List[float]] = {}
        for model in MODELS:
            found = models[str(model)]
            way = found["scores"].get(found["predict"], {})
            for lang in (plan.source_lang, plan.target_lang):
                if lang in way:
                    by_lang.setdefault(lang, []).append(way[lang])
        scores[split] = by_lang
    return scores


def write_report(plan: Plan, reports: Sequence[Dict[str, Any]]) -> str:
    """Write ``report.json`` and ``report.md``, and return the tables as text."""
    tables = [score_table(plan, reports), training_table(reports), pool_table(reports)]
    text = "\n".join(tables)
    with atomic_file(plan.folder / "report.json") as file:
        json.dump(list(reports), file, indent=2)
    with atomic_file(plan.folder / "report.md") as file:
        file.write(text)
    return text


def score_table(plan: Plan, reports: Sequence[Dict[str, Any]]) -> str:
    """Mean and standard deviation over the three models, an epoch a row."""
    columns = [
        (split, lang)
        for split in ("valid", "test")
        for lang in (plan.source_lang, plan.target_lang)
        if any(lang in report["scores"].get(split, {}) for report in reports)
    ]
    rows: List[List[Cell]] = []
    for report in reports:
        row: List[Cell] = [f"epoch {report['epoch']}" if report["epoch"] else "warm-up"]
        for split, lang in columns:
            values = report["scores"].get(split, {}).get(lang)
            row.append(values and f"{np.mean(values):.1f} ± {np.std(values):.1f}")
        rows.append(row)
    return markdown_table(["", *(f"{s} {lang}" for s, lang in columns)], rows)


def training_table(reports: Sequence[Dict[str, Any]]) -> str:
    """Every training, and which model was kept after it."""
    header = [
        "epoch", "step", "model", "updates", "validated every", "best at update",
        "dev score before", "after", "kept",
    ]  # fmt: skip
    rows: List[List[Cell]] = []
    for report in reports:
        for one in report["trainings"]:
            names = ("step", "model", "updates", "validated_every", "best_update")
            row: List[Cell] = [str(report["epoch"]) if report["epoch"] else "warm-up"]
            row += [str(one[name]) if name in one else None for name in names]
            row += [one.get("before"), one.get("after")]
            row.append({True: "new", False: "old"}.get(one.get("kept", True)))
            rows.append(row)
    return markdown_table(header, rows)


def pool_table(reports: Sequence[Dict[str, Any]]) -> str:
    """Samples of each pool before and after each selection, and how many are right."""
    header = [
        "epoch", "pool", "for model", "samples", "selected", "by both", "agreed",
        "right %", "of selected", "of agreed",
    ]  # fmt: skip
    rows: List[List[Cell]] = []
    for report in reports:
        for name, by_model in report["pools"].items():
            for model, found in by_model.items():
                rows.append(
                    [
                        str(report["epoch"]),
                        name,
                        model,
                        str(found["samples"]),
                        both(found["selected"], "d"),
                        str(found["selected_by_all"]),
                        str(found["agreed"]),
                        both(found["accuracy"], ".1f"),
                        both(found["accuracy_selected"], ".1f"),
                        found.get("accuracy_agreed"),
                    ]
                )
    return markdown_table(header, rows)


def both(values: Sequence[Any], form: str) -> Cell:
    """The peers' values in one cell."""
    if any(value is None for value in values):
        return None
    return ", ".join(format(value, form) for value in values)
