"""Text and Markdown tables."""

import math

import pytest

from fairseq_xling.tables import decimals, format_cell, markdown_table, text_table


def test_text_columns_are_aligned():
    table = text_table(
        ["model", "en", "de"], [["a", 90.04, None], ["longer", 5.0, 100.0]]
    )
    assert table.splitlines() == [
        "model     en     de",
        "a       90.0      -",
        "longer   5.0  100.0",
    ]


def test_markdown_escapes_bars():
    table = markdown_table(["model", "en"], [["a|b", 1.25]])
    assert table.splitlines() == ["| model | en |", "| --- | ---: |", "| a\\|b | 1.2 |"]


@pytest.mark.parametrize(
    "number, text", [(-0.04, "0.0"), (-0.06, "-0.1"), (0.0, "0.0")]
)
def test_small_numbers_have_no_minus_before_zero(number, text):
    assert format_cell(number) == text


def test_numbers_that_are_none_are_a_dash():
    assert decimals(math.nan) is None and decimals(None) is None
    assert decimals(-0.001) == "0.00" and decimals(0.26, 1, "+") == "+0.3"
