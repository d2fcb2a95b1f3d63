"""RESULTS.md: each claim in one line, and the scores that it rests on.

What it shows is kept in RESULTS.json beside it, so that a call that runs some parts
leaves what was measured of the others.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

from claims import DISTILLATION, MULTIMIX, PRETRAINING, X_MIXUP, Claim
from measured import IN_TARGET, KINDS, titles_of
from plan import PARTS

from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.tables import Cell, markdown_table

SECTIONS = {
    "X-Mixup": X_MIXUP, "Mixup in pre-training": PRETRAINING, "MultiMix": MULTIMIX,
    "MultiMix's Table 3": DISTILLATION,
}  # fmt: skip
HEAD = """# Results

Written by `python examples/replicate/run.py`, not by hand. A claim is a difference that
its paper says is above zero. Measured is its mean over seeds with Student's 95 percent
interval; in one word, a claim **holds** where the interval lies above zero, **does not
hold** where it lies below, and is **undecided** where zero is in it. A number beside
this is of seeds that would decide it, at the mean and deviation that were seen. Rank
correlations ρ are over the few languages of a data set, as few as five. Where a real
encoder's answers to sentence pairs are compared, the interval is over seeds and test
rows at once (both are random effects); it is wider than that over seeds alone.

Where a line does not say real encoder, models have 1 to 13 million parameters,
fine-tuned for at most 1,000 updates. They are pre-trained on text alone, those of real
sets on some translations, too (TLM). The scores of a real encoder, which the command
names, are those in Spanish. It learns from English rows and their machine translations.
Hyper-parameters and data were chosen on dev scores of zero-shot, translate-train and
supervised, with another seed, before X-Mixup was trained on them; of real sets only
XNLI's learning rate and number of updates were, for translate-train, after 300 updates
at 3e-4 had taught it nothing. Checkpoints are selected on dev sets. Where not said
otherwise, 60 of the 4,000 labelled sentence pairs have translations, by a translator
with error rate 0.6 (three words in ten are wrong, as many neighbours swapped), so that
translate-train leaves room below supervised.
"""
CLAIM_HEADER = [
    "claim", "paper", "its figures", "measured on", "mean [95 % interval]", "seeds", "",
]  # fmt: skip
ROOM_HEADER = [
    "setting", "zero-shot", "translate-train", "X-Mixup", "supervised",
    "X-Mixup minus translate-train", "", "the same without mixup inference", "",
]  # fmt: skip


def update_results(
    path: Path, found: Dict[str, Any], runs: Sequence[Dict[str, Any]] = ()
) -> None:
    """Write what was measured, and what the file has of other data sets.

    Args:
        path: the Markdown file; beside it, of the same name, what it shows as JSON.
        found: what was measured now, as of :func:`measured.measure`.
        runs: how: of each kind of data ``what``, a list of parts, ``date``,
            ``command``, number of ``commands`` and their ``hours``.
    """
    store = path.with_suffix(".json")
    held: Dict[str, Any] = {}
    if store.exists():
        held = json.loads(store.read_text(encoding="utf-8"))
    forget(held, {*found["tables"], *found["unlearned"]}, runs)
    held["runs"] += runs
    merge(held, found)
    with atomic_file(store) as file:
        json.dump(held, file, indent=1, ensure_ascii=False)
        file.write("\n")
    with atomic_file(path) as file:
        file.write(render(held))


def forget(held: Dict[str, Any], titles: set, runs: Sequence[Dict[str, Any]]) -> None:
    """Remove what was measured of data sets that are measured anew, and how."""
    titles = {title.partition(" (MultiMix")[0] for title in titles}
    for claims in held.get("claims", {}).values():
        for rows in claims.values():
            for where in [x for x in rows if x.replace(IN_TARGET, "") in titles]:
                del rows[where]
    room = held.get("room", {})
    for name in [x for x in room if x.partition(", layer ")[0] in titles]:
        del room[name]
    for title in titles:
        held.get("unlearned", {}).pop(title, None)
    anew = {what for run in runs for what in run["what"]}
    for run in held.get("runs", []):
        run["what"] = [what for what in run["what"] if what not in anew]
    held["runs"] = [run for run in held.get("runs", []) if run["what"]]


def merge(held: Dict[str, Any], found: Dict[str, Any]) -> None:
    """Put what was found in the place of what is held; what is not found stays."""
    for key, value in found.items():
        if isinstance(value, dict):
            merge(held.setdefault(key, {}), value)
        elif value:
            held[key] = value


def render(held: Dict[str, Any]) -> str:
    """The whole file."""
    titles = titles_of(PARTS, KINDS)
    tables = held["tables"]
    order = [name for title in titles for name in tables if names_of(name) == title]
    lacking = [x for x in titles if x not in map(names_of, tables)]
    texts = [
        HEAD,
        runs_table(held["runs"]),
        f"Not measured, as runs are missing: {'; '.join(lacking)}.\n"
        if lacking
        else "",
        chance(held["claims"]),
        "".join(
            f"{title} is not judged: {' and '.join(held['unlearned'][title])} gave one "
            "answer to every test row, so that nothing was learned; its scores are "
            "below.\n"
            for title in titles
            if title in held["unlearned"]
        ),
        *(
            claim_table(section, claims, held["claims"].get(section, {}), titles)
            for section, claims in SECTIONS.items()
        ),
        held.get("ratio", ""),
        room_table(held["room"], held.get("far", ""), titles),
        "## Scores\n\nMean ± standard deviation over seeds, in percent.\n",
        *(tables[name] for name in order),
    ]
    return "\n".join(text for text in texts if text)


def chance(claims: Dict[str, Dict[str, Dict[str, List[str]]]]) -> str:
    """How many lines would be decided if nothing had an effect, and how many are."""
    lines = [
        cells
        for section in claims.values()
        for measured in section.values()
        for cells in measured.values()
    ]
    decided = sum(not verdict.startswith("undecided") for _, _, verdict in lines)
    return (
        f"Of the {len(lines)} lines below, {decided} are decided. If no claim had any "
        f"effect, about {len(lines) * 0.05:.0f} would be by chance, half of them "
        "above zero.\n"
    )


def names_of(table: str) -> str:
    """The data set that a table of scores is about."""
    return table.partition(" (MultiMix")[0]


def runs_table(runs: Sequence[Dict[str, Any]]) -> str:
    """When and how each part was measured."""
    if not runs:
        return ""
    rows: List[List[Cell]] = [
        [
            ", ".join(run["what"]), run["date"], f"`{run['command']}`",
            str(run["commands"]), float(run["hours"]),
        ]
        for run in runs
    ]  # fmt: skip
    header = ["part", "measured", "by", "commands that it ran", "hours of one core"]
    return markdown_table(header, rows)


def claim_table(
    title: str,
    claims: Sequence[Claim],
    found: Dict[str, Dict[str, List[str]]],
    titles: Sequence[str],
) -> str:
    """A line for each claim and each data set that it was measured on."""
    rows: List[List[Cell]] = []
    for claim in claims:
        measured = found.get(claim.text, {})
        for where in (f"{x}{end}" for x in titles for end in ("", IN_TARGET)):
            if where in measured:
                cells = [claim.text, claim.source, claim.paper, where]
                rows.append([*cells, *measured[where]])
    if not rows:
        return ""
    header, _, *lines = markdown_table(CLAIM_HEADER, rows).splitlines()
    # Texts to the left, numbers to the right.
    rule = "| --- | --- | --- | --- | ---: | ---: | --- |"
    return f"## {title}\n\n" + "\n".join([header, rule, *lines]) + "\n"


def room_table(found: Dict[str, List[Cell]], far: str, titles: Sequence[str]) -> str:
    """X-Mixup against translate-train where data, noise, layer or rate differ."""
    rows = [
        [name, *cells]
        for title in titles
        for name, cells in found.items()
        if name.partition(", layer ")[0] == title
    ]
    if not rows:
        return ""
    return (
        f"## Where is there room?\n\n{far}"
        "What was tried to understand the claims that do not hold or are undecided: "
        "other data, other noise, another learning rate, other layers. Scores are "
        "averages over languages; zero-shot and supervised do not depend on "
        "translations.\n\n" + markdown_table(ROOM_HEADER, rows)
    )
