"""Questions with windows of their passages: where answers stand, which sources."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_losses import naive_windows
from question_data import write_question_data
from refusals import refused

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.streams import open_streams
from fairseq_xling.data.windows import paired_window
from fairseq_xling.families.questions.dataset import SpanDataset

LANGUAGES = ("en", "de", "sw")
WANTED = {
    *("source", "backtranslation", "context_length", "span", "offsets"),
    "source_span",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_question_data(tmp_path_factory.mktemp("data") / "bin")


def make(folder, split="train", languages=LANGUAGES, wanted=WANTED, **options):
    manifest = Manifest.load(folder)
    streams = [open_streams(folder, manifest, split, x, wanted) for x in languages]
    options = {
        "doc_stride": 5,
        "max_question_length": 6,
        "split": split,
        "max_length": 24,
        "whole_rows": split != "train",
        **options,
    }
    return SpanDataset(streams, list(range(len(streams))), pad=1, eos=2, **options)


def parts_of(tokens):
    """Question and passage of ``<s> question </s> </s> passage </s>``."""
    tokens = tokens.tolist()
    middle = tokens.index(2)
    assert tokens[0] == 0 and tokens[middle + 1] == 2 and tokens[-1] == 2
    question, context = tokens[1:middle], tokens[middle + 2 : -1]
    assert not {0, 1, 2} & {*question, *context}
    return question, context


def windows_of(size, question, max_length, max_question, stride):
    return naive_windows(size, max_length - 4 - min(question, max_question), stride)


def every_window(dataset):
    for index in range(len(dataset)):
        [sample] = dataset[index]
        streams = dataset.streams[int(dataset.part[index])]
        here = int(dataset.windows.begin[index]), int(dataset.windows.end[index])
        yield streams, sample["row"], here, sample


def answer_of(tokens, span):
    """The answer's tokens, and its place in the passage."""
    if len(span) == 0:
        return None, None
    shift = tokens.tolist().index(2) + 2
    first, last = span.tolist()
    return tokens[first : last + 1].tolist(), (first - shift, last - shift)


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("max_length, stride", [(16, 3), (24, 5), (24, 14), (64, 20)])
def test_windows_of_every_row_are_those_of_a_loop(folder, split, max_length, stride):
    dataset = make(
        folder, split, max_length=max_length, doc_stride=stride, whole_rows=True
    )
    items = iter(range(len(dataset)))
    for lang, streams in enumerate(dataset.streams):
        for row in range(len(streams)):
            question, context = parts_of(streams.input[row])
            bounds = windows_of(len(context), len(question), max_length, 6, stride)
            item = dataset[next(items)]
            kept = question[:6]
            assert [parts_of(sample["input"]) for sample in item] == [
                (kept, context[begin:end]) for begin, end in bounds
            ]
            assert [x["context"] for x in item] == [(len(kept) + 3, *w) for w in bounds]
            assert all(len(x["input"]) <= max_length for x in item)
            assert {(x["lang"], x["row"]) for x in item} == {(lang, row)}
    assert next(items, None) is None


def test_span_of_a_window_is_the_answer_or_the_first_token(folder):
    held = 0
    for streams, row, (begin, end), sample in every_window(make(folder)):
        answer, (first, last) = answer_of(streams.input[row], streams.span[row])
        if first < begin or last >= end:
            assert sample["span"] == (0, 0)
            continue
        held += 1
        first, last = sample["span"]
        assert sample["input"][first : last + 1].tolist() == answer
    assert held > len(make(folder)) / 5


def test_every_answer_is_held_by_a_window(folder):
    dataset = make(folder, whole_rows=True)
    assert all(
        any(sample["span"] != (0, 0) for sample in dataset[i])
        for i in range(len(dataset))
    )


@pytest.mark.parametrize("length", [1, 3, 6, 50])
def test_questions_are_cut_also_those_of_counterparts(folder, length):
    dataset = make(folder, max_question_length=length, max_length=30)
    cut = 0
    for streams, row, _, sample in every_window(dataset):
        for name in ("input", "source", "backtranslation"):
            if sample[name] is not None:
                whole, _ = parts_of(getattr(streams, name)[row])
                assert parts_of(sample[name])[0] == whole[:length]
                cut += len(whole) > length
                assert len(sample[name]) <= 30
    assert (cut > 0) == (length < 50)


def test_source_is_the_window_that_fits_with_its_own_answer(folder):
    chosen, with_answer, without = set(), 0, 0
    for streams, row, here, sample in every_window(make(folder)):
        if streams.source is None or streams.source.sizes[row] == 0:
            assert sample["source"] is sample["source_span"] is None
            continue
        _, context = parts_of(streams.input[row])
        _, place = answer_of(streams.input[row], streams.span[row])
        question, other = parts_of(streams.source[row])
        answer, other_place = answer_of(streams.source[row], streams.source_span[row])
        bounds = windows_of(len(other), len(question), 24, 6, 5)
        best = paired_window(here, len(context), bounds, len(other), place, other_place)
        begin, end = bounds[best]
        assert parts_of(sample["source"]) == (question[:6], other[begin:end])
        chosen.add(best)
        if answer is None:
            assert sample["source_span"] is None
            without += 1
        elif other_place[0] < begin or other_place[1] >= end:
            assert sample["source_span"] == (0, 0)
        else:
            first, last = sample["source_span"]
            assert sample["source"][first : last + 1].tolist() == answer
            with_answer += 1
        if sample["span"] != (0, 0) and answer is not None:
            assert sample["source_span"] != (0, 0)
    assert len(chosen) > 2 and with_answer > 10 and without > 10


def test_backtranslation_is_the_window_at_the_same_place(folder):
    chosen = set()
    for streams, row, here, sample in every_window(make(folder)):
        if streams.backtranslation is None or streams.backtranslation.sizes[row] == 0:
            assert sample["backtranslation"] is None
            continue
        _, context = parts_of(streams.input[row])
        question, other = parts_of(streams.backtranslation[row])
        bounds = windows_of(len(other), len(question), 24, 6, 5)
        best = paired_window(here, len(context), bounds, len(other))
        begin, end = bounds[best]
        assert parts_of(sample["backtranslation"]) == (question[:6], other[begin:end])
        chosen.add(best)
    assert len(chosen) > 2


def test_batch_says_where_answers_stand_and_which_sources_have_one(folder):
    dataset = make(folder)
    batch = dataset.collater([dataset[i] for i in range(len(dataset))])
    pairs = len(batch["net_input"]["source_tokens"])
    assert len(batch["source_span"]) == len(batch["has_source_span"]) == pairs
    assert batch["span"].shape == (len(dataset), 2)
    assert batch["context"].shape == (len(dataset), 3)
    assert 0 < batch["has_source_span"].sum() < pairs
    for position, index in enumerate(batch["rows"].tolist()):
        [sample] = dataset[index]
        assert batch["span"][position].tolist() == list(sample["span"])
        assert tuple(batch["context"][position]) == sample["context"]
        if position < pairs:
            span = sample["source_span"]
            assert bool(batch["has_source_span"][position]) == (span is not None)
            assert batch["source_span"][position].tolist() == list(span or (0, 0))
        else:
            assert sample["source"] is None


def test_data_without_answers_have_the_first_token_everywhere(tmp_path):
    folder = write_question_data(tmp_path / "bin", without=["valid.de.span"])
    dataset = make(folder, "valid", languages=["de"])
    batch = dataset.collater([dataset[i] for i in range(len(dataset))])
    assert batch["span"].eq(0).all() and not batch["has_source_span"].any()


def test_stride_over_a_windows_passage_is_refused_in_one_line(folder):
    # A question of 6 tokens leaves 24 - 4 - 6 = 14 for the passage.
    with refused("--doc-stride 15: over the 14 tokens") as error:
        make(folder, doc_stride=15)
    assert "--max-question-length" in str(error.value)
    assert len(make(folder, doc_stride=14)) > 60
    # Where every passage fits in one window there is no stride.
    assert len(make(folder, doc_stride=500, max_length=64)) == 60


def test_refused_stride_names_what_is_left_beside_a_long_passage(tmp_path):
    folder = write_question_data(tmp_path / "bin", rows={"train": 3})
    dataset = make(folder, languages=["en"], max_length=64)
    [streams] = dataset.streams
    lengths = [list(map(len, parts_of(tokens))) for tokens in streams.input]
    limit = max(question + context for question, context in lengths) + 3
    left = [limit - 4 - q for q, context in lengths if q + context + 4 > limit]
    least = min(limit - 4 - question for question, _ in lengths)
    assert least < min(left)  # a longer question has a passage that fits
    with refused(f"over the {min(left)} tokens"):
        make(folder, languages=["en"], max_length=limit, max_question_length=50,
             doc_stride=min(left) + 1)  # fmt: skip


def test_long_question_leaves_room_for_its_passage(tmp_path):
    folder = write_question_data(
        tmp_path / "bin", rows={"train": 10}, longest_question=14, longest=10
    )
    dataset = make(folder, max_question_length=60, max_length=15, doc_stride=1)
    longest = 0
    for streams, row, _, sample in every_window(dataset):
        for name in ("input", "source", "backtranslation"):
            if sample[name] is not None:
                question, context = parts_of(sample[name])
                longest = max(longest, len(parts_of(getattr(streams, name)[row])[0]))
                assert len(context) > 0 and len(sample[name]) <= 15
    assert longest > 11


@given(
    limits=st.one_of(
        st.fixed_dictionaries({"max_sentences": st.integers(1, 40)}),
        st.fixed_dictionaries({"max_tokens": st.integers(30, 900)}),
    ),
    whole_rows=st.booleans(),
)
@settings(max_examples=40)
def test_batches_hold_every_row_once_and_respect_the_limits(folder, limits, whole_rows):
    dataset = make(folder, whole_rows=whole_rows, max_length=15, doc_stride=4)
    batches = dataset.batch_by_size(dataset.ordered_indices(), **limits)
    assert sorted(np.concatenate(batches)) == list(range(len(dataset)))
    for batch in batches:
        windows = int(dataset.counts[batch].sum())
        net_input = dataset.collater([dataset[i] for i in batch])["net_input"]
        streams = [net_input["src_tokens"], net_input["source_tokens"]]
        streams = [stream for stream in streams if stream is not None]
        width = max(stream.size(1) for stream in streams)
        if len(batch) > 1:
            assert windows <= limits.get("max_sentences", windows)
            size = width * sum(map(len, streams))
            assert size <= limits.get("max_tokens", size)
        assert len(streams[0]) == windows and torch.is_tensor(streams[0])
