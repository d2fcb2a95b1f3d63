"""Accuracy against scikit-learn, and what it refuses."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from fairseq_xling.families.pairs.metric import accuracy


def test_accuracy_equals_scikit_learn():
    generator = np.random.default_rng(0)
    predicted, gold = generator.integers(0, 3, (2, 101))
    want = 100 * accuracy_score(gold, predicted)
    assert accuracy(predicted, gold) == pytest.approx(want)


@pytest.mark.parametrize("lengths", [(3, 2), (3, 1), (0, 0)])
def test_rows_that_do_not_correspond_are_refused(lengths):
    with pytest.raises(ValueError, match="gold labels"):
        accuracy(*(np.zeros(length) for length in lengths))
