"""Streams that are damaged are refused when they are opened, with one line."""

import pytest
from fairseq.data.indexed_dataset import MMapIndexedDataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from question_data import question_task, write_question_data
from refusals import refused
from small_data import write_stream
from tag_data import tagging_task, write_tag_data

from fairseq_xling.errors import UserError


def cut_file(data, name, draw):
    path = data / name
    content = path.read_bytes()
    keep = draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:keep])


def exchange_bytes(data, name, draw):
    path = data / name
    content = bytearray(path.read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    path.write_bytes(bytes(content))


def add_bytes(data, name, draw):
    path = data / name
    path.write_bytes(path.read_bytes() + draw(st.binary(min_size=1, max_size=9)))


KINDS = {
    "words": (write_tag_data, tagging_task),
    "questions": (write_question_data, question_task),
}


def open_all(kind, data):
    """Load every split of a family's data, and every row of it."""
    task = KINDS[kind][1](data)
    for split in ("train", "valid", "test"):
        dataset = task.load_dataset(split)
        dataset.collater([dataset[i] for i in range(len(dataset))])


@pytest.mark.parametrize("kind", ["words", "questions"])
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_spoilt_streams_load_as_they_are_or_are_refused(kind, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    KINDS[kind][0](folder / "bin", {"train": 5, "valid": 2, "test": 2}, ["en", "de"])
    names = sorted(p.name for p in (folder / "bin").glob("*.*.*.*"))
    name = data.draw(st.sampled_from([n for n in names if "jsonl" not in n]))
    spoil = data.draw(st.sampled_from([cut_file, exchange_bytes, add_bytes]))
    spoil(folder / "bin", name, data.draw)
    try:
        open_all(kind, folder / "bin")
    except UserError as error:
        assert "\n" not in str(error) and name[:-4] in str(error)
    else:
        # What is accepted can be trained on: all numbers have a meaning.
        assert spoil is exchange_bytes


def spoil_stream(split, stream, change):
    """Rewrite a stream of German rows, its index, too."""

    def spoil(folder):
        prefix = str(folder / f"{split}.de.{stream}")
        rows = [row.clone() for row in MMapIndexedDataset(prefix)]
        change(rows)
        write_stream(prefix, rows)

    return spoil


def put(row, position, value):
    def change(rows):
        rows[row][position] = value

    return change


def drop_last(rows):
    rows[3] = rows[3][:-1]


@pytest.mark.parametrize(
    "kind, split, stream, change, message",
    [
        ("words", "train", "word_starts", put(1, 0, 0), "row 2 has a word at token 0"),
        (
            "words",
            "train",
            "word_starts",
            put(2, -1, 500),
            "row 3 has a word at",
        ),
        ("words", "valid", "tags", drop_last, "row 4 has . values for"),
        ("words", "valid", "tags", put(0, 0, 99), "row 1 has label 99"),
        ("questions", "train", "context_length", put(0, 0, 0), "a passage of 0 tokens"),
        (
            "questions",
            "train",
            "context_length",
            put(5, 0, 400),
            "passage of 400",
        ),
        ("questions", "train", "span", put(1, 1, 400), "an answer at token 400"),
        ("questions", "train", "span", put(1, 0, 0), "row 2 has an answer at token 0"),
        ("questions", "train", "span", drop_last, "row 4 has not two numbers"),
        ("questions", "train", "source_span", put(1, 1, 400), "an answer at token 400"),
        ("questions", "valid", "offsets", drop_last, "has not two characters"),
        ("questions", "train", "input", put(0, 0, 10**6), "has token 1000000"),
    ],
)
def test_numbers_that_cannot_be(kind, split, stream, change, message, tmp_path):
    write_data, make_task = KINDS[kind]
    folder = write_data(tmp_path / "bin")
    task = make_task(folder)
    task.load_dataset(split)
    spoil_stream(split, stream, change)(folder)
    with refused(message) as error:
        task.load_dataset(split)
    assert f"{split}.de.{stream}" in str(error.value)
