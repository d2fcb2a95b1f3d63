"""RESULTS.md's table on whether the mixup ratio can learn."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

from evaluation_plan import HUMAN, ratio_evidence_of
from evidence import Missing, read
from plan import Setting
from ratio_evidence import UNITS

from fairseq_xling.tables import Cell, markdown_table

HEADER = [
    "layer", "dot products of", "entropy in", "H", "λ at W = 1, b = 0",
    "words dropped", "words swapped", "another row's", "W", "b", "updates",
]  # fmt: skip
HEADS = ["language", "H in nats", "H normalised", "λ", *HEADER[5:8]]
LANGUAGES = """
The same in layer {layer}, heads, of XNLI's human translations; the chances are those of
the normalised entropy, which does not go by the length.

{table}"""
TEXT = """## Can the mixup ratio learn?

Of {title}, X-Mixup's model of seed {seed}: in each layer, the entropy H(A) + H(Aᵀ) of
eq. 5 (mean ± standard deviation over test rows in {lang}) and the ratio
λ = 0.5 σ(W H + b) that it gives. Then the chance that a translation has a higher
entropy when it is made worse: 50 percent tells nothing. Last, the W and b that would
give half of the translations a λ above 0.45 and half of other rows' translations one
below 0.05, and the updates that Adam takes to get there at least, at the learning rate
5e-6. *Heads*: projected queries and keys, head by head, as the layer attends; *hidden*:
the states themselves, as eq. 5 has it.

{table}
The gradients of W and b agree so far over {batches} batches of training (mean over root
mean square): {drift}. This is the share of the learning rate that Adam moves them by in
an update.
"""


def ratio_section(settings: Sequence[Setting], seed: int, out: Path) -> str:
    """The table of the first setting that has it; empty where none has."""
    for setting in settings:
        try:
            found, human = (
                read(ratio_evidence_of(setting, seed, out, x)) for x in ("", HUMAN)
            )
        except Missing:
            continue
        return tell(setting, seed, found) + tell_languages(setting, human)
    return ""


def tell(setting: Setting, seed: int, found: Dict[str, Any]) -> str:
    """The section."""
    layers = [x for x in found["layers"] if x["layer"] in setting.swept]
    rows: List[List[Cell]] = []
    for one in layers:
        entropy, ratio, needed = one["entropy"], one["ratio"], one["needed"]
        chances = [f"{100 * chance:.0f} %" for chance in one["auc"].values()]
        rows.append([
            str(one["layer"]), one["scores"], one["unit"],
            f"{entropy['mean']:.2f} ± {entropy['std']:.2f}",
            f"{ratio['mean']:.4f} ± {ratio['std']:.4f}", *chances,
            f"{needed['W']:.1f}", f"{needed['b']:.1f}", f"{needed['updates']:,.0f}",
        ])  # fmt: skip
    drifts = found["gradient"].values()
    told = " and ".join(f"{abs(one['drift']):.2f}" for one in drifts)
    return TEXT.format(
        title=setting.title, seed=seed, lang=layers[0]["lang"], drift=told,
        batches=found["batches"], table=markdown_table(HEADER, rows),
    )  # fmt: skip


def tell_languages(setting: Setting, found: Dict[str, Any]) -> str:
    """The same for human translations to many languages, in the layer that mixes."""
    chosen = [
        x for x in found["layers"]
        if (x["layer"], x["scores"]) == (setting.layer, "heads")
    ]  # fmt: skip
    units = {unit: [x for x in chosen if x["unit"] == unit] for unit in UNITS}
    rows: List[List[Cell]] = []
    for nats, normalised in zip(*units.values()):
        both = [x["entropy"] for x in (nats, normalised)]
        chances = [f"{100 * chance:.0f} %" for chance in normalised["auc"].values()]
        rows.append([
            nats["lang"], *(f"{x['mean']:.2f} ± {x['std']:.2f}" for x in both),
            f"{nats['ratio']['mean']:.4f} ± {nats['ratio']['std']:.4f}", *chances,
        ])  # fmt: skip
    return LANGUAGES.format(layer=setting.layer, table=markdown_table(HEADS, rows))
