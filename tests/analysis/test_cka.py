"""Linear CKA against loops in float64, and its invariances."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.analysis.cka import LinearCKA

SEEDS = st.integers(0, 2**31)
ROWS = st.integers(2, 30)
DIMS = st.integers(1, 6)


def draw(seed, rows, *dims, offset=0.0):
    generator = np.random.default_rng(seed)
    return [torch.from_numpy(generator.normal(offset, 1, (rows, d))) for d in dims]


def linear_cka(x, y):
    cka = LinearCKA()
    cka.update(x, y)
    return cka.value()


def naive_cka(x, y):
    """By HSIC of linear kernels, sum by sum (Kornblith et al. 2019, section 3)."""
    x, y = x.double().tolist(), y.double().tolist()
    n = len(x)

    def centred_kernel(points):
        kernel = [[math.fsum(a * b for a, b in zip(p, q)) for q in points]
                  for p in points]  # fmt: skip
        means = [math.fsum(row) / n for row in kernel]
        total = math.fsum(means) / n
        return [[kernel[i][j] - means[i] - means[j] + total for j in range(n)]
                for i in range(n)]  # fmt: skip

    def hsic(one, other):
        return math.fsum(one[i][j] * other[i][j] for i in range(n) for j in range(n))

    k, m = centred_kernel(x), centred_kernel(y)
    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))


def rotation(seed, dim):
    generator = np.random.default_rng(seed)
    return torch.from_numpy(np.linalg.qr(generator.normal(size=(dim, dim)))[0])


@settings(max_examples=40)
@given(SEEDS, ROWS, DIMS, DIMS, st.sampled_from([0.0, 1.0, 50.0]))
def test_cka_equals_a_naive_one_of_kernels(seed, rows, x_dim, y_dim, offset):
    x, y = draw(seed, rows, x_dim, y_dim, offset=offset)
    assert linear_cka(x, y) == pytest.approx(naive_cka(x, y), abs=1e-7)


@settings(max_examples=40)
@given(SEEDS, ROWS, DIMS)
def test_cka_of_identical_inputs_is_one(seed, rows, dim):
    (x,) = draw(seed, rows, dim, offset=3.0)
    assert abs(linear_cka(x, x) - 1) < 1e-12
    assert abs(linear_cka(x.float(), x.float()) - 1) < 1e-12


@settings(max_examples=40)
@given(SEEDS, ROWS, DIMS, DIMS, st.floats(1e-3, 1e3))
def test_rotation_scale_and_shift_change_nothing(seed, rows, x_dim, y_dim, scale):
    x, y = draw(seed, rows, x_dim, y_dim)
    want = linear_cka(x, y)
    moved = scale * x @ rotation(seed, x_dim) + 7.0
    assert linear_cka(moved, y) == pytest.approx(want, abs=1e-9)
    assert linear_cka(y, moved) == pytest.approx(want, abs=1e-9)
    # A stretch along one axis is none of these.
    assert 0 <= want <= 1 + 1e-12


@settings(max_examples=30)
@given(SEEDS, ROWS, st.integers(1, 7), st.sampled_from([0.0, 1e4]))
def test_batches_do_not_change_it(seed, rows, size, offset):
    x, y = draw(seed, rows, 3, 4, offset=offset)
    cka = LinearCKA()
    for first in range(0, rows, size):
        cka.update(x[first : first + size], y[first : first + size])
        cka.update(x[:0], y[:0])
    assert cka.rows == rows
    assert cka.value() == pytest.approx(linear_cka(x, y), abs=1e-9)


def test_what_never_varies_has_none():
    (x,) = draw(0, 6, 2)
    assert math.isnan(linear_cka(x, torch.full((6, 3), 0.1)))
    assert math.isnan(linear_cka(x[:1], x[:1])) and math.isnan(LinearCKA().value())
