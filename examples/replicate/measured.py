"""What the runs of some parts came to: claims, and the scores that they rest on."""

import statistics
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from claims import DISTILLATION, MULTIMIX, PRETRAINING, X_MIXUP, Claim, better
from encoder_plan import PARTS as TASK_PARTS
from encoder_plan import encoder_settings
from evidence import (
    MOST_SEEDS,
    Evidence,
    Measured,
    Missing,
    MultiMixEvidence,
    over_seeds,
    over_seeds_and_rows,
    unlearned,
)
from multimix_plan import (
    SIMULTANEOUS,
    TABLE_3,
    MultiMixSetting,
    demo_setting,
    first_seeds,
    multimix_with_encoder,
    real_setting,
)
from plan import (
    REAL_PARTS,
    Setting,
    alone,
    demo_settings,
    on_all,
    real_settings,
)
from ratio_table import ratio_section

from fairseq_xling.tables import Cell, markdown_table, spread

# Artificial languages, real sets for a mini model, and real sets for a real encoder.
KINDS = ("made-up", "real", "encoder")
# Added to a data set's name for what is measured in one stream.
IN_TARGET = ", target stream"
# Of what a claim is measured in.
DECIMALS = {"points": 2, "ρ": 2, "CKA": 3, "λ": 5}
# A language is far from the source where zero-shot reaches no more, in percent.
FAR = 75


def settings_of(parts: Sequence[str], kinds: Sequence[str], out: Path) -> List[Setting]:
    """The settings of X-Mixup that some parts train.

    Args:
        parts: of the replication.
        kinds: of data and models, of ``KINDS``.
        out: folder of all runs.
    """
    order, settings = ("pairs", "tagging", "qa", "why", "pretraining", "grouping"), []
    if "made-up" in kinds:
        by_part = demo_settings(out)
        settings += [x for part in order if part in parts for x in by_part[part]]
    if "real" in kinds:
        settings += [x for x in real_settings(out) if REAL_PARTS[x.task] in parts]
    if "encoder" in kinds:
        settings += [x for x in encoder_settings(out) if TASK_PARTS[x.task] in parts]
    return settings


def multimix_of(
    parts: Sequence[str], kinds: Sequence[str], seed: int, out: Path
) -> List[MultiMixSetting]:
    """Those of MultiMix; the first seed's data are read."""
    if "multimix" not in parts:
        return []
    found = [demo_setting(out, seed)] if "made-up" in kinds else []
    found += [real_setting(out)] if "real" in kinds else []
    return found + (multimix_with_encoder(out, seed) if "encoder" in kinds else [])


def distillation_of(
    parts: Sequence[str], kinds: Sequence[str], seed: int, out: Path
) -> List[MultiMixSetting]:
    """The one of MultiMix's Table 3."""
    if "distillation" not in parts or "made-up" not in kinds:
        return []
    setting = demo_setting(out, seed)
    return [setting._replace(title=f"{setting.title}, one epoch")]


def titles_of(parts: Sequence[str], kinds: Sequence[str]) -> List[str]:
    """What is measured, as tables and claims call it, in their order."""
    out = Path()
    settings = [
        *settings_of(parts, kinds, out),
        *multimix_of(parts, kinds, 1, out),
        *distillation_of(parts, kinds, 1, out),
    ]
    return [x.title for x in settings]


def measure(
    parts: Sequence[str], kinds: Sequence[str], seeds: Sequence[int], out: Path
) -> Dict[str, Any]:
    """Measure what was run.

    Args:
        parts, kinds: as of :func:`settings_of`.
        seeds: that were run.
        out: folder of all runs.

    Returns:
        ``claims``: by section, text and data set its interval, number of seeds and
        verdict; ``room``: rows of :func:`rivals_row` by their first cell, and ``far``,
        the languages with most of it; ``unlearned``: by data set, trainings that gave
        one answer; ``ratio``, a section on it; ``tables``: scores by title.
    """
    settings = settings_of(parts, kinds, out)
    multimix = multimix_of(parts, kinds, seeds[0], out)
    why = [x.title for x in settings_of(["why"], KINDS[:1], out)]
    pretrained = [x.title for x in settings_of(["pretraining"], KINDS[:1], out)]
    idle = {
        x.title: unlearned(x, seeds, out)
        for x in settings
        if x.title not in (*why, *pretrained)
    }
    compared = [x for x in settings if not idle.get(x.title, ["not judged"])]
    varied = [
        x for x in settings if x.title not in pretrained and not idle.get(x.title)
    ]
    tables = {x.title: score_table(x, seeds, out) for x in settings}
    for one in multimix:
        for schedule in ("", SIMULTANEOUS):
            name = f"{one.title} (MultiMix, {schedule or 'sequential'})"
            tables[name] = epoch_table(one, schedule, seeds, out)
    distillation = distillation_of(parts, kinds, seeds[0], out)
    for one in distillation:
        name = f"{one.title} (MultiMix's Table 3)"
        tables[name] = distillation_table(one, seeds, out)
    first = [x for x in settings if x.title in pretrained][:1]
    return {
        "claims": {
            "X-Mixup": claim_rows(X_MIXUP, compared, seeds, out),
            "Mixup in pre-training": claim_rows(PRETRAINING, first, seeds, out),
            "MultiMix": claim_rows(MULTIMIX, multimix, seeds, out),
            "MultiMix's Table 3": claim_rows(DISTILLATION, distillation, seeds, out),
        },
        "room": room(varied, seeds, out),
        "far": far_languages(settings[0], seeds, out)
        if "pairs" in parts and "made-up" in kinds
        else "",
        "unlearned": {title: runs for title, runs in idle.items() if runs},
        "ratio": ratio_section([x for x in settings if x.swept], seeds[0], out),
        "tables": {title: text for title, text in tables.items() if text},
    }


def claim_rows(
    claims: Sequence[Claim],
    settings: Sequence[Any],
    seeds: Sequence[int],
    out: Path,
) -> Dict[str, Dict[str, List[str]]]:
    """What was measured of each claim on each data set."""
    return {
        claim.text: {
            where: cells
            for setting in settings
            if setting.task in claim.tasks
            for where, cells in claim_row(claim, setting, seeds, out).items()
        }
        for claim in claims
    }


def claim_row(
    claim: Claim, setting: Any, seeds: Sequence[int], out: Path
) -> Dict[str, List[str]]:
    """A claim on one data set; nothing where its runs are not part of the setting."""
    quantities = {setting.title: claim.quantity}
    if setting.task == "xnli" and claim.in_target:
        quantities[f"{setting.title}{IN_TARGET}"] = claim.in_target
    rows = {}
    by_rows = setting.task == "xnli" and setting.targets and len(seeds) > 1
    for where, quantity in quantities.items():
        try:
            found = over_seeds(setting, quantity, seeds, out)
            if by_rows and claim.runs and where == setting.title:
                found = over_seeds_and_rows(setting, claim.runs, seeds, out)
        except (Missing, KeyError):
            continue
        count = str(len(found.values))
        rows[where] = [interval(found, claim.unit), count, told(found)]
    return rows


def told(found: Measured) -> str:
    """The verdict, and what it would take where there is none."""
    if found.verdict != "undecided" or len(found.values) < 2:
        return found.verdict
    needed = found.seeds_needed or f"more than {MOST_SEEDS}"
    return f"undecided ({needed} seeds)"


def interval(found: Measured, unit: str) -> str:
    """Mean and interval, with the decimals that the unit needs."""
    places = DECIMALS[unit]
    # Adding zero turns the -0.0 that small negative numbers round to into 0.0.
    values = (round(x, places) + 0.0 for x in (found.mean, found.low, found.high))
    if unit == "ρ":  # Student's interval knows no bounds
        values = (min(max(x, -1.0), 1.0) for x in values)
    mean, low, high = (f"{x:+.{places}f}" for x in values)
    return f"{mean} [{low}, {high}]" + ("" if unit == "points" else f" ({unit})")


def room(
    settings: Sequence[Setting], seeds: Sequence[int], out: Path
) -> Dict[str, List[Cell]]:
    """X-Mixup against translate-train where data, noise, layer or rate differ."""
    rows = {}
    for setting in settings:
        for run in setting.sweep or ["xmixup"]:
            try:
                name, *cells = rivals_row(setting, run, seeds, out)
            except Missing:
                continue
            rows[str(name)] = cells
    return rows


def rivals_row(
    setting: Setting, run: str, seeds: Sequence[int], out: Path
) -> List[Cell]:
    """One setting and mixup layer, as :func:`room` tells it.

    Raises:
        Missing: a run of X-Mixup or of translate-train is.
    """
    layer = f", layer {run[6:]}" if run.startswith("layer-") else ""
    row: List[Cell] = [setting.title + layer]
    for one in ("zero-shot", "translate-train", run, "supervised"):
        row.append(spread_of(setting, one, "average", seeds, out))
    for one in (run, alone(run)):
        found = over_seeds(setting, better(one, "translate-train"), seeds, out)
        row += [interval(found, "points"), found.verdict]
    return row


def far_languages(setting: Setting, seeds: Sequence[int], out: Path) -> str:
    """Where zero-shot reaches at most 75, and what supervised reaches there."""
    try:
        runs = [Evidence(setting, seed, out) for seed in seeds]
        langs = list(runs[0].model("zero-shot")["scores"]["target"])
        means = {
            lang: [
                statistics.mean(one.score(run, key=lang) for one in runs)
                for run in ("zero-shot", "supervised")
            ]
            for lang in langs
            if lang not in ("average", "gap")
        }
    except Missing:
        return ""
    far = [
        f"{lang} {low:.1f} and {high:.1f}"
        for lang, (low, high) in means.items()
        if low <= FAR
    ]
    return (
        f"Languages in which zero-shot reaches at most {FAR} %, with its mean score "
        f"and that of supervised: {'; '.join(far) or 'none'}.\n\n"
    )


def spread_of(
    setting: Setting, run: str, key: str, seeds: Sequence[int], out: Path, way: str = ""
) -> Optional[str]:
    """Mean and deviation of a score; None where a run is missing."""
    try:
        return spread([Evidence(setting, s, out).score(run, way, key) for s in seeds])
    except (Missing, KeyError):
        return None


def score_table(setting: Setting, seeds: Sequence[int], out: Path) -> str:
    """Every training's scores by language, and by stream where there are three."""
    rows: List[List[Cell]] = []
    langs: List[str] = []
    runs = setting.runs
    for run in [*runs, *map(alone, runs), *map(on_all, runs)]:
        try:
            model = Evidence(setting, seeds[0], out).model(run)
        except Missing:
            continue
        for way, scores in model["scores"].items():
            langs = langs or [x for x in scores if x not in ("average", "gap")]
            columns = [*langs, "average", "gap"]
            name = run.replace("layer-", "mixup in layer ")
            name = name.replace("-no-mixup", ", no-mixup")
            if len(model["scores"]) > 1:
                name += f" ({way})"
            cells = [spread_of(setting, run, x, seeds, out, way) for x in columns]
            if any(cells):  # else not every seed is there
                rows.append([name, *cells])
    if not rows:
        return ""
    title = f"### {setting.title[0].upper()}{setting.title[1:]}"
    if setting.layer:
        title += f" (mixup in layer {setting.layer} of {setting.layers}, if not said "
        title += "otherwise)"
    header = ["training (stream)", *langs, "Avg.", "Gap"]
    return f"{title}\n\n" + markdown_table(header, rows)


def epoch_table(
    setting: MultiMixSetting, schedule: str, seeds: Sequence[int], out: Path
) -> str:
    """MultiMix by epoch, a row a run, with the mean over its three models."""
    runs, kept = [], []
    for seed in first_seeds(seeds):
        evidence = MultiMixEvidence(setting, seed, out)
        try:
            runs.append(evidence.scores(schedule))
            kept += evidence.kept(schedule)
        except Missing:
            return ""
    header = ["", "warm-up", *(f"epoch {i}" for i in range(1, len(runs[0])))]
    rows: List[List[Cell]] = [
        [f"run {number}", *scores] for number, scores in enumerate(runs, 1)
    ]
    rows.append(["mean ± deviation", *map(spread, zip(*runs))])
    return (
        f"### MultiMix, {schedule or 'sequential'}: {setting.title}\n\n"
        + markdown_table(header, rows)
        + f"\nOf {len(kept)} trainings after the warm-up, {kept.count(False)} made no "
        "checkpoint that was better on the dev set, so that the old model was kept.\n"
    )


def distillation_table(
    setting: MultiMixSetting, seeds: Sequence[int], out: Path
) -> str:
    """MultiMix's Table 3, an epoch of three trainings each."""
    rows: List[List[Cell]] = []
    for row in TABLE_3:
        try:
            runs = [
                MultiMixEvidence(setting, seed, out).scores(row)
                for seed in first_seeds(seeds)
            ]
        except Missing:
            continue
        gains = [after - before for before, after in runs]
        rows.append([row, spread([after for _, after in runs]), spread(gains)])
    if not rows:
        return ""
    header = ["labels are trusted by, agreement", "after epoch 1", "since warm-up"]
    title = "### MultiMix's Table 3: ways to distill (simultaneous)\n\n"
    return title + markdown_table(header, rows)
