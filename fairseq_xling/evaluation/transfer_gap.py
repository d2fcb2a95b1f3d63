"""The average over languages, and the cross-lingual transfer gap."""

from typing import Dict, Mapping, Tuple, Union


def average(scores: Mapping[str, float]) -> float:
    """Mean over languages, the source among them, each counting once.

    Source: X-Mixup section 5.3, the ``Avg.`` column of its tables.
    """
    return sum(scores.values()) / len(scores)


def table_average(
    task_scores: Mapping[str, Union[float, Tuple[float, float]]],
) -> float:
    """Mean over tasks, the one figure of a benchmark.

    Args:
        task_scores: each task's average over languages; a pair, F1 and exact match of
            question answering, counts as its mean.

    Source: X-Mixup Table 3, its ``Avg.`` column (after XTREME, Hu et al. 2020).
    """
    return average(
        {
            task: sum(score) / len(score) if isinstance(score, tuple) else score
            for task, score in task_scores.items()
        }
    )


def transfer_gap(scores: Mapping[str, float], source_lang: str) -> float:
    """Score on the source language minus the mean over all others.

    Args:
        scores: score of each language; higher is better.
        source_lang: the language with labels; it and another must be among them.

    Source: X-Mixup appendix B, Table 8 (after Hu et al. 2020).
    """
    others = {lang: score for lang, score in scores.items() if lang != source_lang}
    return scores[source_lang] - average(others)


def summarize(scores: Mapping[str, float], source_lang: str) -> Dict[str, float]:
    """Scores with their ``average`` and, where it is defined, their ``gap``."""
    summary = {**scores, "average": average(scores)}
    if source_lang in scores and len(scores) > 1:
        summary["gap"] = transfer_gap(scores, source_lang)
    return summary
