"""Tagged sentences in windows: no word lost, everything beside its word."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tag_data import TAGS, write_tag_data

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.streams import open_streams
from fairseq_xling.data.windows import paired_window
from fairseq_xling.families.tagging.dataset import TagDataset

LANGUAGES = ("en", "de", "sw")
WANTED = {
    *("source", "backtranslation", "word_starts", "tags", "soft_tags"),
    *("source_word_starts", "source_tags"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_tag_data(tmp_path_factory.mktemp("data") / "bin", longest=10)


def make(folder, split="train", languages=LANGUAGES, wanted=WANTED, **options):
    manifest = Manifest.load(folder)
    streams = [open_streams(folder, manifest, split, x, wanted) for x in languages]
    return TagDataset(
        streams,
        list(range(len(streams))),
        tag_count=len(TAGS),
        label_offset=4,
        pad=1,
        eos=2,
        **{"max_length": 10, "whole_rows": split != "train", **options},
    )


def words_of(tokens, starts):
    """The pieces of each word of ``<s> words </s>``."""
    tokens, starts = tokens.tolist(), starts.tolist()
    assert tokens[0] == 0 and tokens[-1] == 2
    ends = [*starts[1:], len(tokens) - 1]
    assert starts[0] == 1 and all(start < end for start, end in zip(starts, ends))
    return [tokens[start:end] for start, end in zip(starts, ends)]


def naive_windows(words, capacity):
    """Words in groups that fit, greedily; a too long word keeps what fits."""
    groups, size = [[]], 0
    for word in words:
        if groups[-1] and size + len(word) > capacity:
            groups.append([])
            size = 0
        size += len(word)
        groups[-1].append(word[:capacity])
    return groups


def half(bits):
    return bits.numpy().astype(np.uint16).view(np.float16).astype(np.float64)


def every_window(dataset):
    """Streams, row and window of each window of a training dataset."""
    for index in range(len(dataset)):
        [sample] = dataset[index]
        streams = dataset.streams[int(dataset.part[index])]
        yield streams, sample["row"], index, sample


@pytest.mark.parametrize("max_length", [4, 6, 10, 64])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_no_word_is_lost_or_doubled_over_the_windows_of_a_row(
    folder, split, max_length
):
    dataset = make(folder, split, max_length=max_length, whole_rows=True)
    assert len(dataset) == sum(len(streams) for streams in dataset.streams)
    items = iter(range(len(dataset)))
    for lang, streams in enumerate(dataset.streams):
        for row in range(len(streams)):
            item = dataset[next(items)]
            found = [words_of(x["input"], x["word_starts"]) for x in item]
            words = words_of(streams.input[row], streams.word_starts[row])
            assert found == naive_windows(words, max_length - 2)
            assert all(len(x["input"]) <= max_length for x in item)
            assert {(x["lang"], x["row"]) for x in item} == {(lang, row)}


@pytest.mark.parametrize("split", ["train", "valid"])
def test_tags_follow_their_words(folder, split):
    dataset = make(folder, split, whole_rows=True)
    items = iter(range(len(dataset)))
    for streams in dataset.streams:
        for row in range(len(streams)):
            found = torch.cat([x["tag_probs"] for x in dataset[next(items)]])
            if streams.soft_tags is None:
                want = [[float(tag == t + 4) for t in range(5)]
                        for tag in streams.tags[row].tolist()]  # fmt: skip
                assert found.tolist() == want
                continue
            want = half(streams.soft_tags[row]).reshape(-1, 5)
            want = want / want.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(found.numpy(), want, rtol=1e-6)
            np.testing.assert_allclose(found.sum(dim=1).numpy(), 1, rtol=1e-6)


@pytest.mark.parametrize("max_length", [4, 10, 64])
def test_counterpart_is_the_window_at_the_same_place_with_its_words(folder, max_length):
    dataset = make(folder, max_length=max_length)
    pairs = moved = 0
    for streams, row, index, sample in every_window(dataset):
        if streams.source is None or streams.source.sizes[row] == 0:
            assert sample["source"] is sample["source_word_starts"] is None
            continue
        words = words_of(streams.source[row], streams.source_word_starts[row])
        groups = naive_windows(words, max_length - 2)
        bounds, word = [], 0
        for group in groups:
            begin = sum(map(len, words[:word]))
            bounds.append((begin, begin + sum(map(len, group))))
            word += len(group)
        here = int(dataset.windows.begin[index]), int(dataset.windows.end[index])
        size, other = streams.input.sizes[row] - 2, streams.source.sizes[row] - 2
        chosen = paired_window(here, int(size), bounds, int(other))
        found = words_of(sample["source"], sample["source_word_starts"])
        assert found == groups[chosen]
        first = sum(map(len, groups[:chosen]))
        tags = streams.source_tags[row][first : first + len(found)] - 4
        assert sample["source_tag_probs"].argmax(dim=1).tolist() == tags.tolist()
        assert sample["source_tag_probs"].sum(dim=1).eq(1).all()
        pairs += 1
        moved += chosen > 0
    assert pairs > 20 and (moved > 0) == (max_length < 64)


def test_backtranslation_is_the_window_at_the_same_place(folder):
    dataset = make(folder)
    lengths = set()
    for streams, row, index, sample in every_window(dataset):
        if streams.backtranslation is None or streams.backtranslation.sizes[row] == 0:
            assert sample["backtranslation"] is None
            continue
        body = streams.backtranslation[row][1:-1].tolist()
        bounds = [(i, min(i + 8, len(body))) for i in range(0, len(body), 8)]
        here = int(dataset.windows.begin[index]), int(dataset.windows.end[index])
        size = int(streams.input.sizes[row]) - 2
        begin, end = bounds[paired_window(here, size, bounds, len(body))]
        assert sample["backtranslation"].tolist() == [0, *body[begin:end], 2]
        lengths.add(len(bounds))
    assert {1, 2} <= lengths


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """Swahili's sources have no tags, its sentences and those of its dev set none."""
    without = ["soft_tags", "source_word_starts", "source_tags"]
    without = [f"train.sw.{x}" for x in without] + ["valid.sw.tags"]
    return write_tag_data(tmp_path_factory.mktemp("data") / "bin", without=without)


def test_unlabelled_languages_stand_beside_labelled_ones(mixed):
    dataset = make(mixed, "valid", max_length=64)
    batch = dataset.collater([dataset[i] for i in range(len(dataset))])
    labelled = batch["tag_probs"].sum(dim=2) > 0
    is_word = batch["net_input"]["word_starts"] >= 0
    for row, lang in enumerate(batch["lang"]):
        want = is_word[row] if lang != 2 else torch.zeros_like(is_word[row])
        assert torch.equal(labelled[row], want)
    swahili = [dataset[i] for i in range(16, 24)]
    assert dataset.collater(swahili)["tag_probs"] is None


def test_sources_without_tags_do_not_take_those_of_other_languages_away(mixed):
    dataset = make(mixed, max_length=64)
    batch = dataset.collater([dataset[i] for i in (21, 41, 22, 42)])
    assert batch["lang"].tolist() == [1, 2, 1, 2]
    starts = batch["net_input"]["source_word_starts"]
    for position, index in ((0, 21), (2, 22)):
        [sample] = dataset[index]
        words = len(sample["source_word_starts"])
        assert starts[position, :words].tolist() == (
            sample["source_word_starts"].tolist()
        )
        got = batch["source_tag_probs"][position]
        assert torch.equal(got[:words], sample["source_tag_probs"])
        assert got[words:].abs().sum() == 0 and starts[position, words:].eq(-1).all()
    assert starts[[1, 3]].eq(-1).all() and batch["source_tag_probs"][[1, 3]].sum() == 0
    only = dataset.collater([dataset[i] for i in (41, 42)])
    assert only["net_input"]["source_word_starts"] is only["source_tag_probs"] is None


def test_words_are_padded_with_nothing(folder):
    dataset = make(folder, max_length=64)
    items = [dataset[i] for i in (20, 21, 22, 0)]  # the first has no source
    batch = dataset.collater(items)
    assert batch["id"].tolist() == [21, 22, 20, 0]
    assert batch["window"].tolist() == [0, 0, 0, 0]
    for position, index in enumerate((21, 22, 20, 0)):
        [sample] = dataset[index]
        words = len(sample["word_starts"])
        starts = batch["net_input"]["word_starts"][position]
        assert torch.equal(starts[:words], sample["word_starts"])
        assert starts[words:].eq(-1).all()
        assert torch.equal(batch["tag_probs"][position, :words], sample["tag_probs"])
        assert batch["tag_probs"][position, words:].abs().sum() == 0
    assert len(batch["net_input"]["source_word_starts"]) == 2
    real = batch["net_input"]["src_tokens"].ne(1).sum()
    assert batch["ntokens"] == real + batch["net_input"]["source_tokens"].ne(1).sum()


def test_nothing_is_collated_to_nothing(folder):
    assert make(folder).collater([]) == {}


def test_whole_rows_stand_together_with_their_windows_numbered(folder):
    dataset = make(folder, "valid", max_length=8)
    items = list(range(0, len(dataset), 3))
    batch = dataset.collater([dataset[i] for i in items])
    assert len(batch["rows"]) == sum(int(dataset.counts[i]) for i in items)
    assert len(set(batch["rows"].tolist())) == len(batch["rows"])
    for lang, row in {*zip(batch["lang"].tolist(), batch["row"].tolist())}:
        here = (batch["lang"] == lang) & (batch["row"] == row)
        order = np.argsort(batch["rows"][here])
        assert batch["window"][here][order].tolist() == list(range(here.sum()))


def padded_size(dataset, batch):
    """Tokens of both streams of a batch as the model sees them."""
    net_input = dataset.collater([dataset[i] for i in batch])["net_input"]
    streams = [net_input["src_tokens"]]
    if net_input["source_tokens"] is not None:
        streams.append(net_input["source_tokens"])
    width = max(stream.size(1) for stream in streams)
    return sum(len(stream) for stream in streams) * width


LIMITS = st.one_of(
    st.fixed_dictionaries({"max_sentences": st.integers(1, 30)}),
    st.fixed_dictionaries({"max_tokens": st.integers(20, 400)}),
    st.fixed_dictionaries(
        {"max_sentences": st.integers(1, 30), "max_tokens": st.integers(20, 400)}
    ),
)


@given(limits=LIMITS, max_length=st.sampled_from([5, 8, 64]))
@settings(max_examples=60)
def test_batches_of_whole_rows_hold_each_once_and_respect_the_limits(
    folder, limits, max_length
):
    dataset = make(folder, "valid", max_length=max_length)
    batches = dataset.batch_by_size(
        dataset.ordered_indices(), required_batch_size_multiple=8, **limits
    )
    assert sorted(i for batch in batches for i in batch) == list(range(len(dataset)))
    for batch in batches:
        windows = sum(int(dataset.counts[i]) for i in batch)
        size = padded_size(dataset, batch)
        if len(batch) > 1:
            assert windows <= limits.get("max_sentences", windows)
            assert size <= limits.get("max_tokens", size)
        else:
            assert size <= dataset.num_tokens(batch[0])


@pytest.mark.parametrize(
    "limit", [{"max_sentences": 7}, *({"max_tokens": n} for n in (20, 60, 90, 120))]
)
def test_training_batches_hold_every_window_once(folder, limit):
    dataset = make(folder, shuffle=True)
    batches = dataset.batch_by_size(
        dataset.ordered_indices(), required_batch_size_multiple=8, **limit
    )
    assert sorted(np.concatenate(batches)) == list(range(len(dataset.windows.row)))
    for batch in batches:
        assert len(batch) <= limit.get("max_sentences", 120)
        assert padded_size(dataset, batch) <= limit.get("max_tokens", 10**6)
    lengths = [len(dataset[i][0]["input"]) for i in range(len(dataset))]
    assert (dataset.sizes >= lengths).all() and dataset.sizes.max() == 10


@pytest.mark.parametrize("whole_rows", [False, True])
def test_long_rows_alone_beside_short_pairs_stay_within_every_limit(folder, whole_rows):
    dataset = make(folder, max_length=12, whole_rows=whole_rows)
    # Pairs of 10 tokens count as 20; beside a row of 19 alone they take 38.
    dataset.paired = np.random.default_rng(0).random(len(dataset)) < 0.8
    dataset.lengths = np.where(dataset.paired, 10, 19)
    order, mixed = dataset.ordered_indices(), 0
    for limit in range(40, 500):
        batches = dataset.batch_by_size(order, max_tokens=limit)
        assert np.concatenate(batches).tolist() == order.tolist()
        for batch in batches:
            both = dataset.counts[batch] * (1 + dataset.paired[batch])
            width = dataset.lengths[batch].max()
            assert len(batch) == 1 or both.sum() * width <= limit
            longest = dataset.paired[batch][dataset.lengths[batch] == width]
            mixed += bool(dataset.paired[batch].any()) and not longest.any()
    assert mixed > 0
