"""Reading raw files: columns, quotes, ids, and what is refused."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import write_rows
from refusals import refused

from fairseq_xling.families.pairs.raw import Table, unquote
from fairseq_xling.preprocessing.aligned_rows import align

LABELS = {label: label for label in ("yes", "no")}
HEADER = ["id", "premise", "hypothesis", "label"]
CELL = st.text(st.sampled_from('ab "\u00a0猫'), min_size=1).filter(str.strip)


def table(path, rows, **options):
    write_rows(path, rows)
    return Table(path, LABELS, **options)


def with_ids(count, name="row"):
    return [[str(i), f"{name} {i}", f"b {i}", "yes"] for i in range(count)]


@given(texts=st.tuples(CELL, CELL))
def test_quotes_of_a_csv_writer_are_undone(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("csv") / "train-en.tsv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerow([*texts, "yes"])
    row = next(Table(path, LABELS).rows())
    assert (row.first, row.second) == texts


@pytest.mark.parametrize(
    "text",
    ['"', '""', '"all quoted"', '"one" and "two"', '"" as in PAWS ""', 'he said ""x""'],
)
def test_quotes_of_the_text_are_kept(text):
    assert unquote(text) == text


def test_columns_are_found_by_name_whatever_their_case(tmp_path):
    rows = [["Label", "pairID", "Sentence2", "more", "Sentence1"]]
    row = next(table(tmp_path / "a", rows + [["no", "7", "b", "-", "a"]]).rows())
    assert (row.first, row.second, row.label, row.id) == ("a", "b", "no", "7")


def test_only_rows_of_the_language_are_read_and_checked(tmp_path):
    rows = [["language", "sentence1", "sentence2", "gold_label"]]
    rows += [["de", "", "b", "maybe"], ["fr", "c", "d", "yes"]]
    found = list(table(tmp_path / "a", rows, lang="fr").rows())
    assert [(row.first, row.line) for row in found] == [("c", 3)]


def test_line_separators_inside_a_text_end_no_row(tmp_path):
    text = "a\u2028b\x85c\x0bd\re"
    rows = list(table(tmp_path / "a", [[text, "x", "yes"]]).rows())
    assert [row.first for row in rows] == [text]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([["a", "b", "yes"], ["a", "b"]], "a, line 2: 2 columns, but 3 are needed"),
        ([["a", "b"], ["a", "b", "c"]], "a, line 2: 3 columns, but line 1 has 2"),
        ([HEADER, ["1", "a", "b", "yes", "c"]], "a, line 2: 5 columns, but line 1"),
        ([["a", "b", "yes"], [""]], "a, line 2: 1 columns"),
        ([["a", "b", "yes"], ["a", "\u00a0", "no"]], "a, line 2: empty sentence in c"),
        ([["a", "b", "maybe"]], "a, line 1: unknown label 'maybe'; .* are yes, no$"),
    ],
)
def test_bad_row_is_refused_by_line(tmp_path, rows, message):
    with refused(message):
        list(table(tmp_path / "a", rows).rows())


def test_ids_of_which_none_match_are_refused(tmp_path):
    other = [[f"x{row[0]}", *row[1:]] for row in with_ids(3)]
    tables = [
        table(tmp_path / "a", [HEADER, *with_ids(3)]),
        table(tmp_path / "b", [HEADER, *other]),
    ]
    with refused("b: none of the ids of .*a are in it"):
        list(align(tables[0], [tables[1]], same_labels=True))


@pytest.mark.parametrize("sizes", [(3, 4), (4, 3)])
def test_other_number_of_lines_is_refused_with_both(tmp_path, sizes):
    a, b = (
        table(tmp_path / name, [["a", "b", "yes"]] * size)
        for name, size in zip("ab", sizes)
    )
    with refused(f"b: {sizes[1]} rows, but .*a has {sizes[0]}"):
        list(align(a, [b], same_labels=True))


def test_labels_that_disagree_are_refused_only_where_they_must_agree(tmp_path):
    a = table(tmp_path / "a", [["a", "b", "yes"], ["a", "b", "yes"]])
    b = table(tmp_path / "b", [["a", "b", "yes"], ["a", "b", "no"]])
    assert len(list(align(a, [b], same_labels=False))) == 2
    with refused("a, line 2: label yes, .*b, line 2 has no"):
        list(align(a, [b], same_labels=True))


def test_rows_without_a_sentence_stay_in_step_when_allowed(tmp_path):
    a = [["1", "b", "yes"], ["", "b", "yes"], ["3", "b", "yes"], ["4", "b", "yes"]]
    b = [["1", "b", "yes"], ["2", "b", "yes"], ["3", "", "yes"], ["4", "b", "yes"]]
    aligned = align(
        table(tmp_path / "a", a, allow_empty=True),
        [table(tmp_path / "b", b, allow_empty=True)],
        same_labels=True,
    )
    found = [(row.is_whole, match and match.first) for row, [match] in aligned]
    assert found == [(True, "1"), (False, "2"), (True, None), (True, "4")]


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"premise": "a", "hypothesis": "b", "label": "neutral"}', "JSON lines"),
        ("premise,hypothesis,label", "CSV"),
        ('"a";"b";"neutral"', "CSV"),
    ],
)
def test_other_formats_are_named_with_what_to_do(tmp_path, line, said):
    path = tmp_path / "train-en.tsv"
    path.write_text(line + "\n")
    with refused(f"line 1: no tab, so this may be {said};"):
        Table(path, {})
