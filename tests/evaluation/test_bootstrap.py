"""The paired bootstrap against loops, and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.evaluation import bootstrap
from fairseq_xling.evaluation.bootstrap import paired_bootstrap
from fairseq_xling.families.tagging.metric import f1_from_counts


def systems(seed=0, lengths=(60, 60), gain=0.2):
    generator = np.random.default_rng(seed)
    first = {f"l{i}": generator.random(n) < 0.5 for i, n in enumerate(lengths)}
    second = {
        x: right | (generator.random(len(right)) < gain) for x, right in first.items()
    }
    return first, second


def count_systems(seed=0, lengths=(60, 60)):
    """Counts ``(correct, predicted, gold)`` by row, the second system's often better.

    Some rows have no chunks, and each is there twice.
    """
    generator = np.random.default_rng(seed)
    systems = {}, {}
    for i, rows in enumerate(lengths):
        gold = generator.integers(0, 3, rows)
        for one, share in zip(systems, (0.5, 0.7)):
            correct = generator.binomial(gold, share)
            predicted = correct + generator.integers(0, 2, rows)
            counts = np.stack([correct, predicted, gold], axis=1)
            one[f"l{i}"] = np.resize(counts[: rows // 2], (rows, 3))
    return systems


def score_systems(seed=0, lengths=(60, 60)):
    generator = np.random.default_rng(seed)
    first = {f"l{i}": generator.random(n) for i, n in enumerate(lengths)}
    return first, {x: one**0.8 for x, one in first.items()}


def difference(first, second):
    """Of rows ``(rows,)`` or counts ``(rows, 3)``, in percentage points."""
    if first.ndim == 1:
        return 100 * (second.mean() - first.mean())
    return f1_from_counts(*second.sum(axis=0)) - f1_from_counts(*first.sum(axis=0))


def kind_of(first, second):
    """What a row of a language has to say: its difference, or all its counts."""
    return [*first, *second] if np.ndim(first) else [int(second) - int(first)]


@pytest.mark.parametrize("make", [systems, count_systems])
@pytest.mark.parametrize("lengths", [(30, 30), (30, 20)])
def test_resampling_equals_loops_over_the_same_rows(make, lengths, monkeypatch):
    first, second = make(lengths=lengths)
    monkeypatch.setattr(bootstrap, "BLOCK", 7)
    got = paired_bootstrap(first, second, samples=20, seed=3)
    generator = np.random.default_rng(3)
    differences = np.zeros((20, 2))
    for group in (["l0", "l1"],) if len(set(lengths)) == 1 else (["l0"], ["l1"]):
        n = len(first[group[0]])
        rows_of = {}
        for row in range(n):
            kind = [v for x in group for v in kind_of(first[x][row], second[x][row])]
            rows_of.setdefault(tuple(kind), []).append(row)
        kinds = [rows_of[kind] for kind in sorted(rows_of)]
        assert len(kinds) < n
        shares = np.array([len(rows) for rows in kinds]) / n
        for start in range(0, 20, 7):
            draws = generator.multinomial(n, shares, size=min(7, 20 - start))
            for s, draw in enumerate(draws, start):
                # Any row of a kind will do for each time that the kind is drawn.
                drawn = [
                    rows[j % len(rows)]
                    for rows, count in zip(kinds, draw)
                    for j in range(count)
                ]
                assert len(drawn) == n
                for x in group:
                    found = difference(first[x][drawn], second[x][drawn])
                    differences[s, int(x[1])] = found
    wanted = {"l0": differences[:, 0], "l1": differences[:, 1]}
    wanted["average"] = differences.mean(axis=1)
    for x, want in wanted.items():
        bounds = np.percentile(want, [2.5, 97.5])
        assert (got[x].low, got[x].high) == pytest.approx(tuple(bounds))


@pytest.mark.parametrize("lengths", [(200, 200, 200), (200, 150, 201)])
@pytest.mark.parametrize("make", [systems, score_systems, count_systems])
def test_spread_is_that_of_drawing_row_numbers(make, lengths):
    first, second = make(lengths=lengths)
    joint = len(set(lengths)) == 1
    if joint:  # parallel rows that go together
        first, second = ({x: one["l0"] for x in one} for one in (first, second))
    if joint and make is systems:  # but are not all alike
        first, second = (
            {x: rows ^ (np.arange(200) % 9 == i) for i, (x, rows) in enumerate(one)}
            for one in (first.items(), second.items())
        )
    generator = np.random.default_rng(5)
    naive = []
    for _ in range(4000):
        drawn = [generator.integers(0, n, n) for n in lengths]
        rows = dict(zip(first, [drawn[0]] * 3 if joint else drawn))
        naive.append(
            np.mean([difference(first[x][i], second[x][i]) for x, i in rows.items()])
        )
    got = paired_bootstrap(first, second, samples=4000)["average"]
    want = np.percentile(naive, [2.5, 97.5])
    assert got.high - got.low == pytest.approx(want[1] - want[0], rel=0.1)
    assert (got.low, got.high) == pytest.approx(tuple(want), abs=0.1 * np.ptp(want))
    assert got.value == pytest.approx(
        np.mean([difference(first[x], second[x]) for x in first])
    )


def test_identical_systems_do_not_differ():
    first, _ = systems()
    difference = paired_bootstrap(first, first, samples=200)["average"]
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert difference.p_value == 1


def test_clear_gain_is_significant_and_a_chance_one_is_not():
    first, second = systems(lengths=(400, 400))
    clear = paired_bootstrap(first, second, samples=1000)["average"]
    assert clear.low > 0 and clear.p_value < 0.01
    generator = np.random.default_rng(1)
    noise = {x: generator.random(400) < 0.5 for x in first}
    chance = paired_bootstrap(first, noise, samples=1000)["average"]
    assert chance.low < 0 < chance.high and chance.p_value > 0.05


def test_p_value_is_never_less_than_the_samples_can_show():
    first, second = {"x": np.zeros(500, bool)}, {"x": np.ones(500, bool)}
    for samples in (1, 99, 1000):
        difference = paired_bootstrap(first, second, samples=samples)["x"]
        assert difference.p_value == min(1, 2 / (samples + 1))


def test_chance_gains_are_rarely_called_significant():
    generator = np.random.default_rng(2)
    below = 0
    for trial in range(200):
        first, second = ({"x": generator.random(300) < 0.5} for _ in range(2))
        found = paired_bootstrap(first, second, samples=400, seed=trial)["x"]
        below += found.p_value < 0.05
    assert 0.01 <= below / 200 <= 0.10


def test_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        first = {"x": generator.random(300) < 0.5}
        second = {"x": generator.random(300) < 0.6}
        found = paired_bootstrap(first, second, samples=400, seed=trial)["x"]
        hits += found.low <= 10 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


ROWS = st.lists(st.tuples(*[st.integers(0, 3)] * 12), min_size=1, max_size=20)


@pytest.mark.parametrize("kind", ["rights", "counts"])
@given(rows=ROWS, random=st.randoms())
@settings(max_examples=50)
def test_order_of_rows_does_not_matter_and_swapping_mirrors(kind, rows, random):
    def both(rows):
        # No more is correct than is predicted or gold.
        drawn = np.cumsum(np.array(rows).reshape(-1, 2, 2, 3), 3)
        drawn = drawn if kind == "counts" else drawn[..., 0] > 1
        return ({x: drawn[:, i, j] for j, x in enumerate("ab")} for i in (0, 1))

    first, second = both(rows)
    there = paired_bootstrap(first, second, samples=50)
    back = paired_bootstrap(second, first, samples=50)
    random.shuffle(rows)
    assert there == paired_bootstrap(*both(rows), samples=50)
    wanted = {x: difference(first[x], second[x]) for x in first}
    wanted["average"] = np.mean([*wanted.values()])
    for x, want in wanted.items():
        assert there[x].value == pytest.approx(want, abs=1e-9)
        assert there[x].value == pytest.approx(-back[x].value, abs=1e-9)
        assert there[x].low <= there[x].high and 0 < there[x].p_value <= 1


def test_result_follows_from_the_seed():
    first, second = systems()
    one = paired_bootstrap(first, second, samples=100, seed=1)
    assert one == paired_bootstrap(first, second, samples=100, seed=1)
    assert one != paired_bootstrap(first, second, samples=100, seed=2)


@pytest.mark.parametrize(
    "first, second",
    [
        ({"x": np.ones(5)}, {"x": np.ones(4)}),
        ({"x": np.ones(5)}, {"y": np.ones(5)}),
        ({"x": np.ones(5)}, {}),
        ({"x": np.zeros((5, 2))}, None),
        ({"x": np.zeros((5, 1))}, None),
        ({"x": np.zeros(5), "y": np.zeros((5, 3))}, None),
        ({"x": np.zeros((0, 3))}, None),
    ],
)
def test_other_rows_and_rows_of_another_kind_are_refused(first, second):
    with pytest.raises(ValueError, match="not the same rows"):
        paired_bootstrap(first, first if second is None else second)


@pytest.mark.parametrize("lengths", [(60, 60), (60, 50)])
def test_scores_of_0_and_1_are_rows_wrong_and_right(lengths):
    systems_of = systems(lengths=lengths)
    scores = [{x: right * 1.0 for x, right in one.items()} for one in systems_of]
    got = paired_bootstrap(*scores, samples=200)
    assert got == paired_bootstrap(*systems_of, samples=200)


def test_rows_without_chunks_score_zero():
    nothing = {"x": np.zeros((4, 3), int)}
    right = {"x": np.ones((4, 3), int)}
    assert paired_bootstrap(nothing, right, samples=99)["x"].low == 100
    same = paired_bootstrap(nothing, nothing, samples=99)["x"]
    assert (same.value, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_fractions_that_cancel_out_are_ties():
    first = {"x": np.repeat([0, 0, 3], 4)}
    second = {"x": np.repeat([1, 2, 0], 4)}
    tenths = ({x: rows / 10 for x, rows in one.items()} for one in (first, second))
    got = paired_bootstrap(*tenths, samples=2000)["x"]
    assert got.p_value == paired_bootstrap(first, second, samples=2000)["x"].p_value
