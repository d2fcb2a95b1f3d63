"""What a run of MultiMix came to, epoch by epoch."""

import json
from typing import Any, Dict, List, Sequence

import numpy as np

from fairseq_xling.cli.tables import Cell, markdown_table
from fairseq_xling.data.atomic import atomic_file
from fairseq_xling.data.json_text import read_object
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.multimix.co_teaching import MIXTURES, MODELS, Plan


def describe_epoch(plan: Plan, epoch: int) -> Dict[str, Any]:
    """Sizes of the pools at each selection, and the models' scores.

    Returns:
        ``epoch``; ``pools`` by name and learner, with ``samples``, ``selected`` by each
        peer, ``selected_by_all``, ``agreed``, and, where the pool has labels, how many
        of the peers' are right in percent: ``accuracy`` and ``accuracy_selected`` of
        each, ``accuracy_agreed``; ``scores`` in percent by split and language, one a
        model.
    """
    pools: Dict[str, Any] = {}
    for name in MIXTURES.get(epoch, ()):
        if name == "source":
            continue
        selected = plan.folder / f"epoch{epoch}" / "selected" / name
        pools[name] = {}
        for model in MODELS:
            selection = Manifest.load(selected / str(model)).selection
            assert selection is not None
            peers = selection["peers"]
            pools[name][str(model)] = {
                **selection["counts"],
                "accuracy": [peer.get("accuracy") for peer in peers],
                "accuracy_selected": [peer.get("accuracy_selected") for peer in peers],
            }
    scores: Dict[str, Dict[str, List[float]]] = {}
    where = plan.folder / (f"epoch{epoch}" if epoch else "warm-up")
    for path in sorted(where.glob("results-*/results.json")):
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
    return {"epoch": epoch, "pools": pools, "scores": scores}


def write_report(plan: Plan, reports: Sequence[Dict[str, Any]]) -> str:
    """Write ``report.json`` and ``report.md``.

    Returns:
        the tables as text.
    """
    text = score_table(plan, reports) + "\n" + pool_table(reports)
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
