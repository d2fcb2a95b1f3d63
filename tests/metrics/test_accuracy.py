"""Averages and transfer gaps, against the paper's printed tables."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from fairseq_xling.metrics.accuracy import accuracy, average, summarize, transfer_gap

# X-Mixup's rows of Tables 11 and 12.
XNLI = dict(
    zip(
        "en ar bg de el es fr hi ru sw th tr ur vi zh".split(),
        [89.9, 85.2, 87.3, 86.9, 86.8, 87.7, 87.1, 83.5, 85.1, 81.2, 83.2, 84.9, 79.6]
        + [85.4, 85.2],
    )
)
PAWSX = dict(
    zip("en de es fr ja ko zh".split(), [96.3, 93.2, 93.6, 94.6, 87.3, 88.2, 89.5])
)


def test_gap_reproduces_the_papers_table_8():
    # The tables are rounded: 4.96 follows from Table 11, where Table 8 prints 4.9.
    assert transfer_gap(XNLI, "en") == pytest.approx(4.9, abs=0.1)
    assert transfer_gap(PAWSX, "en") == pytest.approx(5.2, abs=0.05)


def test_average_reproduces_the_papers_tables_11_and_12():
    assert round(average(XNLI), 1) == 85.3
    assert round(average(PAWSX), 1) == 91.8


def test_accuracy_equals_scikit_learn():
    generator = np.random.default_rng(0)
    predicted, gold = generator.integers(0, 3, (2, 101))
    want = 100 * accuracy_score(gold, predicted)
    assert accuracy(predicted, gold) == pytest.approx(want)


def test_gap_is_left_out_where_it_is_not_defined():
    assert "gap" not in summarize({"en": 50.0}, "en")
    assert "gap" not in summarize({"de": 50.0, "fr": 60.0}, "en")
    assert summarize({"en": 80.0, "de": 60.0}, "en") == {
        "en": 80.0,
        "de": 60.0,
        "average": 70.0,
        "gap": 20.0,
    }
