"""What an update of XLM-R large costs: no more than the file of it says."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def budget():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import budget

        yield budget
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_update_keeps_to_its_budget(budget):
    found, held = budget.count(), json.loads(budget.PATH.read_text(encoding="utf-8"))
    assert found.keys() == held.keys()
    for name in ("flop", "kernels_forward", "kernels", "kept_mib"):
        assert held[name] * 0.9 < found[name] < held[name] * 1.02, name
    # The products that layers need, three times a forward pass: twelve squares of the
    # width a token and layer, without padding, and attention's two, with it. What
    # mixing adds is small.
    width, layers, rows = 1024, 24, 2 * budget.PAIRS
    products = 2 * 12 * width**2 * found["tokens"]
    attention = 4 * rows * budget.LENGTH**2 * width
    least = 3 * layers * (products + attention)
    assert least < found["flop"] < 1.02 * least
    # Nothing that grows with the square of the length stays in the layer that mixes.
    assert found["kept_by_mixing_layer_mib"] < 1.35 * found["kept_by_next_layer_mib"]
