"""What a training cost, from its log."""

from typing import NamedTuple, Optional

from fairseq_xling.report.training_log import TrainingLog


class Costs(NamedTuple):
    """What a training cost; None is not known.

    Attributes:
        updates: number of updates.
        seconds: wall time, validation and restarts included.
        samples_a_second: instances trained on a second.
        peak_memory: GiB, of several workers the largest.
    """

    updates: Optional[int]
    seconds: Optional[float]
    samples_a_second: Optional[float]
    peak_memory: Optional[float]


def costs_of(log: TrainingLog) -> Costs:
    """Sum up a log."""
    peaks = [x.values["peak_memory"] for x in log.records if "peak_memory" in x.values]
    return Costs(
        updates=max((record.update for record in log.records), default=None),
        seconds=log.seconds or None,
        samples_a_second=samples_a_second(log),
        peak_memory=max(peaks, default=0.0) or None,
    )


def samples_a_second(log: TrainingLog) -> Optional[float]:
    """Instances trained on a second.

    From the lines at the ends of epochs: ``bsz`` (instances an update) times updates,
    by ``train_wall``, which leaves out validation and writing. Of a run that did not
    get to such a line, or whose seconds round to none: from ``bsz`` and ``ups``
    (updates a second) of the lines in between.
    """
    samples = seconds = 0.0
    before = 0
    for record in log.of("train"):
        updates, before = record.update - before, record.update
        samples += updates * record.values.get("bsz", 0.0)
        seconds += record.values.get("train_wall", 0.0)
    if samples and seconds:
        return samples / seconds
    samples = seconds = 0.0
    before = 0
    for record in log.of("train_inner"):
        updates, before = record.update - before, record.update
        speed = record.values.get("ups", 0.0)
        if speed > 0:
            samples += updates * record.values.get("bsz", 0.0)
            seconds += updates / speed
    return samples / seconds if samples and seconds else None
