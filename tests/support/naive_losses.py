"""Losses of streams by loops, and the criterion as families' tests call it."""

import math

import torch
from fairseq.logging import metrics

from fairseq_xling.criterions.xmixup import XMixupCriterion


def softmax(row):
    top = max(row)
    powers = [math.exp(value - top) for value in row]
    return [power / sum(powers) for power in powers]


def mean_state(tokens, states):
    """Of the states, lists of numbers, of the tokens that are not special."""
    kept = [state for token, state in zip(tokens, states) if token not in (0, 2)]
    return [sum(column) / len(kept) for column in zip(*kept)]


def distance(one, two):
    """The mean of squared differences."""
    return sum((a - b) ** 2 for a, b in zip(one, two)) / len(one)


def unpadded(row):
    return [token for token in row.tolist() if token != 1]


def make_criterion(task, alpha=None, mse=1.0, kl=1.0, representation="mean"):
    return XMixupCriterion(task, alpha, mse, kl, representation)


def logged(outputs):
    """What the criterion logs of batches' outputs."""
    with metrics.aggregate(new_root=True) as aggregator:
        XMixupCriterion.reduce_metrics(outputs)
    return aggregator.get_smoothed_values()


def validated(task, model, dataset, size):
    """What it logs of a dataset in batches of so many items."""
    with torch.no_grad():
        return logged(
            [
                make_criterion(task)(model, dataset.collater(batch))[2]
                for batch in batches_of(dataset, size)
            ]
        )


def batches_of(dataset, size):
    """The items in their order, so many at a time."""
    for first in range(0, len(dataset), size):
        yield [dataset[i] for i in range(first, min(first + size, len(dataset)))]


def naive_windows(length, capacity, stride):
    """Begin and end of windows, until one reaches the end."""
    windows, begin = [], 0
    while True:
        windows.append((begin, min(begin + capacity, length)))
        if begin + capacity >= length:
            return windows
        begin += stride
