"""Text and Markdown tables."""

from fairseq_xling.cli.tables import markdown_table, text_table


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
