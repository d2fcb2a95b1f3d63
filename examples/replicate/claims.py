"""The papers' claims, each as a difference that it says is above zero."""

import statistics
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from evidence import Missing
from multimix_plan import SIMULTANEOUS, TABLE_3
from plan import DEMO_LANGUAGES, alone, on_all

from fairseq_xling.analysis.sentence_states import MIXED

Quantity = Callable[[Any], Optional[float]]
# Where a claim is looked at: of X-Mixup, by the settings' tasks.
PAIRS, WITHOUT_PAIRS = ("xnli",), ("udpos", "panx", "xquad")
ALL = (*PAIRS, *WITHOUT_PAIRS)
# The same of MultiMix; its Table 3 is for pairs alone.
ADAPTED, ROWS = ("multimix_xnli", "multimix_xner"), ("multimix_xnli",)


class Claim(NamedTuple):
    """A claim.

    Attributes:
        text: in one line.
        source: where the paper makes it.
        paper: its own figures.
        tasks: that it is about.
        quantity: in points where not said otherwise; the claim is that it is above 0.
        unit: of the quantity.
        in_target: the quantity in the target stream, of models that predict from both.
        runs: two trainings, the first of which is better, where that is all of it.
    """

    text: str
    source: str
    paper: str
    tasks: Sequence[str]
    quantity: Quantity
    unit: str = "points"
    in_target: Optional[Quantity] = None
    runs: Optional[Tuple[str, str]] = None


def better(one: str, other: str, way: str = "", other_way: str = "") -> Quantity:
    """How much higher one training's average score is than another's."""
    return lambda e: e.score(one, way) - e.score(other, other_way)


def contrast(
    text: str, source: str, paper: str, tasks: Sequence[str], one: str, other: str
) -> Claim:
    """The claim that one training's scores are higher than another's."""
    quantity, in_target = better(one, other), better(one, other, "target", "target")
    runs = (one, other)
    return Claim(text, source, paper, tasks, quantity, "points", in_target, runs)


def unseen_gain(way: str) -> Quantity:
    """X-Mixup minus translate-train in languages that neither was trained on.

    Where nothing is translated from these, the target stands alone whatever ``way`` is,
    and is measured once.
    """

    def gain(evidence: Any) -> float:
        runs, stream = ["xmixup", "translate-train"], way
        unseen = evidence.setting.unseen
        if unseen:
            if way:
                raise Missing(f"{evidence.setting.name}: another stream")
            stream = "target"
        else:
            seen = evidence.setting.seen.split(",")
            unseen = [lang for lang in DEMO_LANGUAGES if lang not in seen]
            runs = [on_all(f"{run}-seen") for run in runs]
        ours, theirs = (evidence.mean_of(run, unseen, stream) for run in runs)
        return ours - theirs

    return gain


def narrowed_gap(way: str) -> Quantity:
    """How much smaller X-Mixup's transfer gap is than translate-train's."""
    return lambda e: (
        e.score("translate-train", way, "gap") - e.score("xmixup", way, "gap")
    )


def by_layer(evidence: Any) -> List[float]:
    """The score of mixing in each layer, the first layer's first.

    Raises:
        Missing: layers are not compared there.
    """
    if not evidence.setting.sweep:
        raise Missing(f"{evidence.setting.name}: layers")
    return [evidence.score(run) for run in evidence.setting.sweep]


def worst_layer(evidence: Any) -> float:
    """The least gain over translate-train of any layer."""
    return min(by_layer(evidence)) - evidence.score("translate-train")


def low_layer_gain(evidence: Any) -> float:
    """The first layer minus the last."""
    first, *_, last = by_layer(evidence)
    return first - last


def fast_ratio_gain(way: str) -> Quantity:
    """A learned λ whose W and b move, minus a constant one."""

    def gain(evidence: Any) -> float:
        if evidence.setting.name != "few":
            raise Missing("rates of W and b")
        fast = evidence.beside("few-ratio").score("xmixup", way)
        return fast - evidence.score("constant-ratio", way)

    return gain


def ratio_fall(evidence: Any) -> float:
    """How much λ falls when neighbouring words of the translation are swapped.

    Dropped words would not tell: entropy, and λ with it, goes by the length, too.
    """
    (layer,) = evidence.analysis("ratio")["layers"]
    falls = []
    for found in layer["languages"].values():
        ratios = {
            (one["noise"], one["rate"]): one["ratio"]["mean"]
            for one in found["conditions"]
        }
        falls.append(ratios["none", 0.0] - ratios["swap", 40.0])
    return statistics.mean(falls)


def rank_correlation(run: str) -> Quantity:
    """Spearman's ρ of CKA and score over languages; None where there are too few."""
    return lambda e: e.aligned(run, human=e.setting.has_human)["spearman"]["rho"]


def gain_beside(name: str) -> Quantity:
    """How much higher the zero-shot score is than another setting's."""
    return lambda e: e.score("zero-shot") - e.beside(name).score("zero-shot")


def cka_gain_beside(name: str) -> Quantity:
    """How much higher zero-shot's CKA is than another setting's."""
    return lambda e: e.cka("zero-shot") - e.beside(name).cka("zero-shot")


X_MIXUP: List[Claim] = [
    Claim(
        "languages near the source are transferred to better: CKA with the source "
        "goes with the score (zero-shot)",
        "section 3, Table 2", "ρ = 0.76 on XNLI", ALL,
        rank_correlation("zero-shot"), "ρ",
    ),
    Claim(
        "so it does after translate-train", "section 3, Table 2", "ρ = 0.69 on XNLI",
        ALL, rank_correlation("translate-train"), "ρ",
    ),
    Claim(
        "translate-train beats zero-shot", "Table 3",
        "+3.7 XNLI, +0.8 POS, +1.4 NER, +1.2 MLQA", ALL,
        better("translate-train", "zero-shot"), runs=("translate-train", "zero-shot"),
    ),
    contrast(
        "X-Mixup beats translate-train", "Table 3",
        "+2.4 XNLI, +3.8 POS, +2.2 NER, +3.8 MLQA", ALL, "xmixup", "translate-train",
    ),
    Claim(
        "X-Mixup beats translate-test (the zero-shot model reading translations)",
        "Table 3", "not given", PAIRS,
        better("xmixup", "zero-shot", other_way="source"),
    ),
    Claim(
        "X-Mixup beats translate-train that reads translations, too (mean of streams)",
        "section 4.3", "not given", PAIRS,
        better("xmixup", "translate-train", other_way="mean"),
    ),
    Claim(
        "the mean of both streams beats the target's alone", "section 4.3",
        "not given", PAIRS, better("xmixup", "xmixup", "mean", "target"),
    ),
    Claim(
        "X-Mixup narrows the transfer gap of translate-train", "Table 8",
        "by 39.8 % on average", ALL,
        narrowed_gap(""), in_target=narrowed_gap("target"),
    ),
    Claim(
        "X-Mixup beats translate-train in languages that neither was trained on",
        "Table 6", "+1.7 to +2.7 on XNLI", ALL,
        unseen_gain(""), in_target=unseen_gain("target"),
    ),
    Claim(
        "X-Mixup raises CKA with the source over translate-train's when it mixes",
        "Table 7", "0.85 and 0.77 on XNLI", ALL,
        lambda e: e.cka("xmixup", MIXED) - e.cka("translate-train"), "CKA",
    ),
    Claim(
        "so it does when it encodes targets alone", "Table 7", "not given", ALL,
        lambda e: e.cka("xmixup") - e.cka("translate-train"), "CKA",
    ),
    contrast(
        "mixup helps (against w/o mixup)", "Table 5", "+2.4 XNLI, +2.7 POS, +3.6 MLQA",
        ALL, "xmixup", "no-mixup",
    ),
    Claim(
        "training with mixup helps even when targets are read alone",
        "Table 5", "+1.1 XNLI, +1.9 POS, +2.7 MLQA", ALL,
        better(alone("xmixup"), "no-mixup", "target", "target"),
    ),
    contrast(
        "mixup inference helps", "Table 5", "+1.3 XNLI, +0.8 POS, +0.9 MLQA", ALL,
        "xmixup", alone("xmixup"),
    ),
    contrast(
        "scheduled sampling helps", "Table 5", "+0.7 XNLI, +0.4 POS, +0.2 MLQA", ALL,
        "xmixup", "no-scheduled-sampling",
    ),
    contrast(
        "the consistency losses help", "Table 5", "+1.1 XNLI", PAIRS,
        "xmixup", "no-consistency",
    ),
    contrast(
        "the MSE consistency loss helps", "Tables 5 and 9",
        "+0.7 XNLI, +0.4 POS, +0.0 MLQA", ALL, "xmixup", "no-mse",
    ),
    contrast(
        "the KL consistency loss helps", "Table 9", "+1.0 XNLI", PAIRS,
        "xmixup", "no-kl",
    ),
    contrast(
        "the KL loss contributes more than the MSE loss", "Table 9", "+0.3 XNLI",
        PAIRS, "no-mse", "no-kl",
    ),
    contrast(
        "a learned λ beats a constant one", "Table 5",
        "+1.2 XNLI, +0.6 POS, +0.7 MLQA", ALL, "xmixup", "constant-ratio",
    ),
    Claim(
        "so it does with W and b learned 100 times as fast", "Table 5", "not given",
        PAIRS, fast_ratio_gain(""), in_target=fast_ratio_gain("target"),
    ),
    contrast(
        "an entropy divided by its largest value (normalised, ours) beats nats",
        "section 4.1", "not given", PAIRS, "normalised", "xmixup",
    ),
    contrast(
        "encoding a source once for all its translations (--group-translations, ours) "
        "beats encoding it for each", "section 4.1", "not given", PAIRS,
        "grouped", "xmixup",
    ),
    Claim(
        "λ falls where the translation is worse (40 % of its words swapped)",
        "section 4.1", "not given", PAIRS, ratio_fall, "λ",
    ),
    Claim(
        "mixing in any layer beats translate-train", "Figure 5",
        "but for high layers on XNLI", WITHOUT_PAIRS, worst_layer,
    ),
    Claim(
        "for sentence pairs, the first layer beats the last", "Figure 5", "a drawing",
        PAIRS, low_layer_gain,
    ),
]  # fmt: skip


# Of the model that was pre-trained by mixup.
PRETRAINING: List[Claim] = [
    Claim(
        "mixup in pre-training beats as many updates on text alone: zero-shot transfer",
        "section 7", "left open", PAIRS, gain_beside("pretrained-monolingual"),
    ),
    Claim(
        "mixup in pre-training beats TLM on the same tokens: zero-shot transfer",
        "section 7", "left open", PAIRS, gain_beside("pretrained-concatenated"),
    ),
    Claim(
        "and CKA with the source", "section 7", "left open", PAIRS,
        cka_gain_beside("pretrained-concatenated"), "CKA",
    ),
]  # fmt: skip


def epoch_gain(epoch: int, since: int, run: str = "") -> Quantity:
    """What the scores in the target language gained since another epoch."""
    return lambda e: e.scores(run)[epoch] - e.scores(run)[since]


def row_gain(one: str, other: str) -> Quantity:
    """One row of Table 3 minus another, after its one epoch."""
    return lambda e: e.scores(one)[1] - e.scores(other)[1]


def best_of(kind: str, evidence: Any) -> float:
    """The row of a kind, with agreement, that is best on the dev set."""
    rows = [row for row in TABLE_3 if row.startswith(kind) and "agreement" in row]
    rows = [row for row in rows if "100" not in row]
    best = max(rows, key=lambda row: evidence.scores(row, "valid")[1])
    return evidence.scores(best)[1]


MULTIMIX: List[Claim] = [
    Claim(
        "the confidence penalty improves warm-up in the target language",
        "Tables 1 and 2", "+0.2 to +1.2 XNER, +0.4 to +0.9 XNLI-5 %, -0.5 to +0.1 XNLI",
        ADAPTED, lambda e: e.scores()[0] - e.scores("no-penalty")[0],
    ),
    Claim(
        "MultiMix beats the warm-up", "Tables 1 and 2",
        "+2.6 to +7.4 XNER, +1.3 to +2.9 XNLI", ADAPTED, epoch_gain(3, 0),
    ),
    *(
        Claim(f"epoch {i} improves on {'the warm-up' if i == 1 else f'epoch {i - 1}'}",
              "Figure 2", "a drawing", ADAPTED, epoch_gain(i, i - 1))
        for i in (1, 2, 3)
    ),
    Claim(
        "so it does with three trainings an epoch (simultaneous) instead of six",
        "Figure 1", "not given", ADAPTED, epoch_gain(3, 0, SIMULTANEOUS),
    ),
    Claim(
        "six trainings an epoch (sequential, Algorithm 1) beat three (simultaneous)",
        "Algorithm 1, Figure 1", "not given", ADAPTED,
        lambda e: e.scores()[3] - e.scores(SIMULTANEOUS)[3],
    ),
]  # fmt: skip

# Of its Table 3, measured in pairs alone.
DISTILLATION: List[Claim] = [
    *(
        Claim(f"agreement helps on top of η = {eta} %", "Table 3",
              {50: "-1.2 to +0.9 XNER", 80: "+0.1 to +1.4 XNER",
               90: "+0.0 to +1.8 XNER", 100: "-0.5 to +0.6 XNER"}[eta], ROWS,
              row_gain(f"confidence, {eta} %, agreement", f"confidence, {eta} %, none"))
        for eta in (50, 80, 90, 100)
    ),
    Claim(
        "the η that is best on the dev set beats 100 %", "Table 3",
        "+0.0 to +2.0 XNER", ROWS,
        lambda e: best_of("confidence", e)
        - e.scores("confidence, 100 %, agreement")[1],
    ),
    Claim(
        "model confidence beats clustering (of each what is best on the dev set)",
        "Table 3", "+0.2 to +0.3 XNER", ROWS,
        lambda e: best_of("confidence", e) - best_of("clustering", e),
    ),
]  # fmt: skip
