"""Accuracy against scikit-learn, and what it refuses."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from fairseq_xling.families.pairs.metric import accuracy, accuracy_by_language


def test_accuracy_equals_scikit_learn():
    generator = np.random.default_rng(0)
    predicted, gold = generator.integers(0, 3, (2, 101))
    want = 100 * accuracy_score(gold, predicted)
    assert accuracy(predicted, gold) == pytest.approx(want)


@pytest.mark.parametrize("lengths", [(3, 2), (3, 1), (0, 0)])
def test_rows_that_do_not_correspond_are_refused(lengths):
    with pytest.raises(ValueError, match="gold labels"):
        accuracy(*(np.zeros(length) for length in lengths))


def test_languages_keep_their_order_and_need_labels():
    predicted = {"sw": np.array([0, 1]), "en": np.array([0, 1]), "de": np.array([2])}
    gold = {"en": np.array([0, 1]), "sw": np.array([0, 0]), "de": None}
    by_lang = accuracy_by_language(predicted, gold)
    assert list(by_lang.items()) == [("sw", 50.0), ("en", 100.0)]
