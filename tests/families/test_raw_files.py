"""What the readers of raw files have in common, whichever the family."""

import json
from operator import attrgetter

import pytest
from refusals import refused

from fairseq_xling.families.pairs.raw import Table
from fairseq_xling.families.questions.raw import QuestionFile
from fairseq_xling.families.tagging.raw import SentenceFile
from fairseq_xling.preprocessing.aligned_rows import align

IDS = [str(number) for number in range(30)]
# Of the systems that end a line, and of texts that hold what ends one elsewhere.
ENDS, INSIDE = ["\n", "\r\n", "\r"], "a\u2028b\u0085"


def pairs(ids):
    rows = [["id", "premise", "hypothesis", "label"]]
    rows += [[one, f"{INSIDE} {one}", "b", "Yes"] for one in ids]
    return "".join("\t".join(row) + "\n" for row in rows)


def sentences(ids):
    return "".join(
        f"# sent_id = {one}\n{INSIDE}{one}\tNOUN\nend\tNOUN\n\n" for one in ids
    )


def questions(ids):
    paragraphs = [
        {"context": f"{INSIDE} {one}", "qas": [{"id": one, "question": "Where?"}]}
        for one in ids
    ]
    return json.dumps({"data": [{"paragraphs": paragraphs}]}, indent=1)


# How a file is written and opened, its rows' texts, and where a repeated id stands.
READERS = {
    "pairs": (
        *(pairs, lambda path: Table(path, {"yes": "yes"}), attrgetter("first")),
        "line 5: id '1' stands in line 3, too",
    ),
    "tagging": (
        *(sentences, lambda path: SentenceFile([path], {"NOUN": "NOUN"})),
        *(attrgetter("words"), r"line 13: sent_id 1 occurs before, too \(.*line 5\)"),
    ),
    "questions": (
        *(questions, lambda path: QuestionFile([path]), attrgetter("context")),
        r"question id 1 occurs twice \(questions 2 and 4\); give",
    ),
}


@pytest.fixture(params=READERS)
def reader(request, tmp_path):
    """Opens a file of such ids; what a row's text is; what is said of a repeated id."""
    write, open_path, text, repeated = READERS[request.param]

    def open_ids(ids, name="a", change=lambda content: content):
        path = tmp_path / name
        path.write_bytes(change(write(ids)).encode("utf-8"))
        return open_path(path)

    return open_ids, text, repeated


def test_counterparts_are_found_by_id_in_any_order(reader):
    open_ids, text, _ = reader
    files = open_ids(IDS), open_ids([x for x in IDS[::-1] if x != "4"], "b")
    wanted = {row.id: row for row in files[1].rows()}
    assert len(wanted) == 29
    for row, [match] in align(files[0], [files[1]], same_labels=False):
        assert match == wanted.get(row.id) and (match is None) == (row.id == "4")
        assert match is None or text(match) == text(row)


@pytest.mark.parametrize("repeated_in", ["a", "b"])
def test_repeated_id_is_refused_in_either_file(reader, repeated_in):
    open_ids, _, said = reader
    ids = {name: IDS[:5] for name in "ab"}
    ids[repeated_in] = ["0", "1", "2", "1", "4"]
    files = [open_ids(ids[name], name) for name in "ab"]
    message = f"{repeated_in}(, |: ){said}"
    with refused(message):
        files["ab".index(repeated_in)].index()
    with refused(message):
        list(align(files[0], [files[1]], same_labels=False))


@pytest.mark.parametrize("end", ENDS)
def test_line_ends_and_marks_of_all_systems(reader, end):
    open_ids, _, _ = reader
    rows = list(open_ids(IDS).rows())
    file = open_ids(IDS, "a", lambda text: "\ufeff" + text.replace("\n", end))
    assert list(file.rows()) == rows
    index = file.index()
    assert [file.row_at(*index.find(row.id)) for row in rows[::-1]] == rows[::-1]


def test_bytes_that_are_no_utf8_are_refused_by_line(reader, tmp_path):
    open_ids, _, _ = reader
    file = open_ids(IDS)
    lines = (tmp_path / "a").read_bytes().split(b"\n")
    lines[1] = b"\xff" + lines[1]
    (tmp_path / "a").write_bytes(b"\n".join(lines))
    with refused(r"a, line 2: not UTF-8 \(byte \d+"):
        list(file.rows())
