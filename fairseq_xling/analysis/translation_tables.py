"""Tables of what is found in files of translations."""

from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.analysis.translation_measures import (
    FACTOR,
    LEAST_CHARACTERS,
    LEAST_LETTERS,
)
from fairseq_xling.families.translating import EMPTY, ROWS, UNCHANGED
from fairseq_xling.tables import Cell, decimals, markdown_table

# Counts that are shares of the rows.
SHARES = (EMPTY, UNCHANGED)
Entry = Dict[str, Any]


def quality_tables(entries: Sequence[Entry]) -> str:
    """What came back, and how it compares, a line for each file of translations."""
    told = dict.fromkeys(x for entry in entries for x in entry["counted_by_translate"])
    rows: List[List[Cell]] = []
    lengths: List[List[Cell]] = []
    for entry in entries:
        counts, texts = entry["counts"], entry["texts"]
        rows.append(
            [
                entry["title"],
                counts[ROWS],
                *(with_share(counts[name], counts[ROWS]) for name in SHARES),
                *map(entry["counted_by_translate"].get, told),
            ]
        )
        lengths.append(
            [
                entry["title"],
                texts,
                *(spread(entry["length_ratio"][x], 2) for x in ("characters", "words")),
                with_share(entry["outlying"], texts),
                with_share(entry["sharing_a_translation"], texts),
                with_share(entry["source_words_kept"], entry["source_words"]),
                spread(entry["chrf"], 1),
            ]
        )
    return (
        markdown_table(["translations", ROWS, *SHARES, *told], rows)
        + "\n"
        + markdown_table(
            [
                *("translations", "texts", "characters", "words", "outlying"),
                *("repeated", "words kept", "round-trip chrF"),
            ],
            lengths,
        )
        + "\nRows are empty where a text has no translation, and unchanged where all "
        "are as they were. Of the different texts: length of the translation by that "
        "of the source, in characters and words, median [percentiles 5 and 95]; "
        f"outlying: {FACTOR:g} times that median or more, or 1/{FACTOR:g} or less, if "
        f"one of both has {LEAST_CHARACTERS} characters; repeated: with the "
        "translation of another text; words kept: the source's words that the "
        "translation has, too, without names, numbers and words of less than "
        f"{LEAST_LETTERS} letters; round-trip chrF of the back-translation against the "
        "source, median [percentiles 5 and 95], which is high, too, where nothing is "
        "translated.\n"
    )


def with_share(count: Optional[int], whole: int) -> Cell:
    """A number and its percentage."""
    if not count:
        return count
    return f"{count} ({100 * count / max(whole, 1):.1f} %)"


def spread(summary: Optional[Dict[str, float]], places: int) -> Cell:
    """Median, and the percentiles 5 and 95."""
    if summary is None:
        return None
    low, median, high = (decimals(summary[x], places) for x in ("p5", "p50", "p95"))
    return f"{median} [{low}, {high}]"


def mixing_table(entries: Sequence[Entry]) -> str:
    """The mixup ratio of each file of translations and layer, against chrF."""
    rows: List[List[Cell]] = []
    for entry in entries:
        for one in entry.get("mixing", ()):
            ratio, rank = one["ratio"], one["spearman_with_chrf"]
            line, words = one["pearson_with_chrf"], one["spearman_with_words"]
            rows.append(
                [
                    entry["title"],
                    one["layer"],
                    one["rows"],
                    f"{ratio['mean']:.4f} ± {ratio['std']:.4f}",
                    *(decimals(rank["rho"]), p_value(rank["p"])),
                    *(decimals(line["r"]), p_value(line["p"])),
                    *(decimals(words["rho"]), p_value(words["p"])),
                ]
            )
    header = ["translations", "layer", "rows", "λ", "rho of chrF", "p", "r of chrF"]
    return markdown_table([*header, "p", "rho of length", "p"], rows) + (
        "\nMean and standard deviation over rows of the mixup ratio λ; its rank "
        "correlation (Spearman) and linear correlation (Pearson) with the row's "
        "round-trip chrF, and its rank correlation with the number of words of the "
        "source, on which the alignment's entropy, and so λ, depends by itself.\n"
    )


def p_value(p: float) -> Cell:
    """A p-value, of small ones the limit that it is below."""
    return "<0.001" if p < 0.001 else decimals(p, 3)
