"""Scores of a validation run, from sums that workers and batches add up to.

A sum is named ``statistic:language``, such as ``rows:en``.
"""

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence, Tuple

from fairseq.logging import metrics


@dataclass(frozen=True)
class Score:
    """A score in percent.

    Attributes:
        name: as it is logged.
        statistics: the sums that it is computed from; where the last is 0, there is
            nothing to score.
        formula: the score from these sums.
    """

    name: str
    statistics: Tuple[str, ...]
    formula: Callable[..., float]


SCORES = (
    Score("accuracy", ("correct", "rows"), lambda c, rows: 100 * c / rows),
    # Chunks that are right, predicted, and in the gold tags.
    Score(
        "f1",
        ("chunks_right", "chunks_predicted", "chunks_gold"),
        lambda right, predicted, gold: 200 * right / (predicted + gold),
    ),
    Score("f1", ("answer_f1", "questions"), lambda f1, rows: 100 * f1 / rows),
    Score("exact_match", ("answer_em", "questions"), lambda em, rows: 100 * em / rows),
    Score(
        "score",
        ("answer_f1", "answer_em", "questions"),
        lambda f1, em, rows: 50 * (f1 + em) / rows,
    ),
)


def log_scores(total: Callable[[str], float], logging_output: Dict[str, Any]) -> None:
    """Log every score of which the sums are there, by language and on average.

    Args:
        total: the sum over all logging outputs under a key.
        logging_output: one of them, for its keys.
    """
    statistics: Dict[str, List[str]] = {}
    for key in logging_output:
        statistic, colon, lang = key.partition(":")
        if colon:
            statistics.setdefault(statistic, []).append(lang)
    for statistic, languages in statistics.items():
        for lang in languages:
            key = f"{statistic}:{lang}"
            metrics.log_scalar_sum(f"_{statistic}_{lang}", total(key))
    for score in SCORES:
        languages = statistics.get(score.statistics[-1], [])
        if not set(score.statistics) <= statistics.keys():
            continue
        for lang in languages:
            if total(f"{score.statistics[-1]}:{lang}"):
                value = _MeanScore(score, [lang])
                metrics.log_derived(f"{score.name}_{lang}", value, 30)
        metrics.log_derived(score.name, _MeanScore(score, languages), 11)


class _MeanScore:
    """A score averaged over those of the languages that have anything to score."""

    def __init__(self, score: Score, languages: Sequence[str]) -> None:
        self.score = score
        self.languages = languages

    def __call__(self, meters) -> float:
        values = []
        for lang in self.languages:
            names = [f"_{statistic}_{lang}" for statistic in self.score.statistics]
            if names[-1] in meters and meters[names[-1]].sum:
                sums = [float(meters[name].sum) for name in names]
                values.append(self.score.formula(*sums))
        return round(sum(values) / max(len(values), 1), 2)
