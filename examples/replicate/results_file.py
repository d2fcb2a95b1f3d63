"""RESULTS.md: each claim in one line, and the scores that it rests on."""

import logging
import statistics
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

from claims import MULTIMIX, PRETRAINING, X_MIXUP, Claim, better
from evidence import (
    Evidence,
    Measured,
    Missing,
    MultiMixEvidence,
    over_seeds,
    unlearned,
)
from multimix_plan import (
    TABLE_3,
    MultiMixSetting,
    demo_setting,
    first_seeds,
    real_setting,
)
from plan import (
    Setting,
    alone,
    demo_settings,
    on_all,
    real_settings,
)

from fairseq_xling.cli.tables import Cell, markdown_table, spread
from fairseq_xling.data.atomic import atomic_file

logger = logging.getLogger(__name__)

HEAD = """# Results

Written by `python examples/replicate/run.py`, not by hand. A claim is a difference that
its paper says is above zero. Measured is its mean over seeds with Student's 95 percent
interval; in one word, a claim **holds** where the interval lies above zero, **does not
hold** where it lies below, and is **undecided** where zero is in it. One claim in
twenty comes out on a side by chance. Rank correlations ρ are over the few languages of
a data set, as few as five.

Models have 1 to 13 million parameters, fine-tuned for at most 1,000 updates. They
are pre-trained on text alone, those of real sets on some translations, too (TLM).
Hyper-parameters and data were chosen on dev scores of zero-shot, translate-train and
supervised, with another seed, before X-Mixup was trained on them; of real sets only
XNLI's learning rate and number of updates were, for translate-train, after 300 updates
at 3e-4 had taught it nothing. Checkpoints are selected on dev sets. Where not said
otherwise, 60 of the 4,000 labelled sentence pairs have translations, by a translator
with error rate 0.6 (three words in ten are wrong, as many neighbours swapped), so that
translate-train leaves room below supervised.
"""
# Of what a claim is measured in.
DECIMALS = {"points": 2, "ρ": 2, "CKA": 3, "λ": 5}
# A language is far from the source where zero-shot reaches no more, in percent.
FAR = 75
CLAIM_HEADER = [
    "claim", "paper", "its figures", "measured on", "mean [95 % interval]", "seeds", "",
]  # fmt: skip


def write_results(
    out: Path,
    seeds: Sequence[int],
    path: Path,
    costs: Sequence[Tuple[str, int, float]] = (),
) -> None:
    """Write what was measured.

    Args:
        out: folder of all runs.
        seeds: that were run.
        path: the file.
        costs: of each kind of data, the number of commands and their hours.
    """
    by_part = demo_settings(out)
    demo = [by_part[part][0] for part in ("pairs", "tagging", "qa")]
    real = real_settings(out)
    multimix = [demo_setting(out, seeds[0]), real_setting(out)]
    settings = [*demo, *by_part["why"], *by_part["pretraining"], *real]
    tables = {x.title: score_table(x, seeds, out) for x in settings}
    for one in multimix:
        tables[f"{one.title} (MultiMix)"] = epoch_table(one, seeds, out)
    tables["MultiMix's Table 3"] = distillation_table(multimix[0], seeds, out)
    lacking = [title for title, text in tables.items() if not text]
    idle = {x.title: unlearned(x, seeds, out) for x in [*demo, *real]}
    compared = [x for x in [*demo, *real] if not idle[x.title]]
    varied = [x for x in [*demo, *by_part["why"], *real] if not idle.get(x.title)]
    spent = [f"{name}: {n} commands, {hours:.1f} hours" for name, n, hours in costs]
    texts = [
        HEAD,
        f"What it took of one core: {'; '.join(spent)}.\n" if spent else "",
        f"Not measured, as runs are missing: {'; '.join(lacking)}.\n"
        if lacking
        else "",
        "".join(
            f"{title} is not judged: {' and '.join(runs)} gave one answer to every "
            "test row, so that nothing was learned; its scores are below.\n"
            for title, runs in idle.items()
            if runs
        ),
        claim_table("X-Mixup", X_MIXUP, compared, seeds, out),
        claim_table(
            "Mixup in pre-training", PRETRAINING, by_part["pretraining"][:1], seeds, out
        ),
        claim_table("MultiMix", MULTIMIX, multimix, seeds, out),
        why(varied, seeds, out),
        "## Scores\n\nMean ± standard deviation over seeds, in percent.\n",
        *tables.values(),
    ]
    with atomic_file(path) as file:
        file.write("\n".join(text for text in texts if text))


def claim_table(
    title: str,
    claims: Sequence[Claim],
    settings: Sequence[Any],
    seeds: Sequence[int],
    out: Path,
) -> str:
    """A line for each claim and each data set that it was measured on."""
    rows = []
    for claim in claims:
        for setting in settings:
            if setting.task in claim.tasks:
                rows += claim_row(claim, setting, seeds, out)
    if not rows:
        return ""
    header, _, *lines = markdown_table(CLAIM_HEADER, rows).splitlines()
    # Texts to the left, numbers to the right.
    rule = "| --- | --- | --- | --- | ---: | ---: | --- |"
    return f"## {title}\n\n" + "\n".join([header, rule, *lines]) + "\n"


def claim_row(
    claim: Claim, setting: Any, seeds: Sequence[int], out: Path
) -> List[List[Cell]]:
    """The lines of a claim; none where its runs are not part of the setting."""
    quantities = {setting.title: claim.quantity}
    if setting.task == "xnli" and claim.in_target:
        quantities[f"{setting.title}, target stream"] = claim.in_target
    rows: List[List[Cell]] = []
    for where, quantity in quantities.items():
        try:
            found = over_seeds(setting, quantity, seeds, out)
        except (Missing, KeyError):
            continue
        cells = [claim.text, claim.source, claim.paper, where]
        count = str(len(found.values))
        rows.append([*cells, interval(found, claim.unit), count, found.verdict])
    return rows


def interval(found: Measured, unit: str) -> str:
    """Mean and interval, with the decimals that the unit needs."""
    places = DECIMALS[unit]
    # Adding zero turns the -0.0 that small negative numbers round to into 0.0.
    values = (round(x, places) + 0.0 for x in (found.mean, found.low, found.high))
    if unit == "ρ":  # Student's interval knows no bounds
        values = (min(max(x, -1.0), 1.0) for x in values)
    mean, low, high = (f"{x:+.{places}f}" for x in values)
    return f"{mean} [{low}, {high}]" + ("" if unit == "points" else f" ({unit})")


def why(settings: Sequence[Setting], seeds: Sequence[int], out: Path) -> str:
    """X-Mixup against translate-train where data, noise, layer or rate differ."""
    rows: List[List[Cell]] = []
    for setting in settings:
        for run in setting.sweep or ["xmixup"]:
            try:
                rows.append(rivals_row(setting, run, seeds, out))
            except Missing:
                continue
    if not rows:
        return ""
    header = [
        "setting", "zero-shot", "translate-train", "X-Mixup", "supervised",
        "X-Mixup minus translate-train", "", "the same without mixup inference", "",
    ]  # fmt: skip
    return (
        f"## Where is there room?\n\n{far_languages(settings[0], seeds, out)}"
        "What was tried to understand the claims that do not hold or are undecided: "
        "other data, other noise, another learning rate, other layers. Scores are "
        "averages over languages; zero-shot and supervised do not depend on "
        "translations.\n\n" + markdown_table(header, rows)
    )


def rivals_row(
    setting: Setting, run: str, seeds: Sequence[int], out: Path
) -> List[Cell]:
    """One setting and mixup layer, as :func:`why` tells it.

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


def epoch_table(setting: MultiMixSetting, seeds: Sequence[int], out: Path) -> str:
    """MultiMix by epoch, a row a run, with the mean over its three models."""
    runs = []
    for seed in first_seeds(seeds):
        try:
            runs.append(MultiMixEvidence(setting, seed, out).scores())
        except Missing:
            return ""
    header = ["", "warm-up", *(f"epoch {i}" for i in range(1, len(runs[0])))]
    rows: List[List[Cell]] = [
        [f"run {number}", *scores] for number, scores in enumerate(runs, 1)
    ]
    rows.append(["mean ± deviation", *map(spread, zip(*runs))])
    return f"### MultiMix: {setting.title}\n\n" + markdown_table(header, rows)


def distillation_table(
    setting: MultiMixSetting, seeds: Sequence[int], out: Path
) -> str:
    """MultiMix's Table 3."""
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
    title = "### MultiMix's Table 3: ways to distill\n\n"
    return title + markdown_table(header, rows)
