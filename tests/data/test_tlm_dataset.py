"""Masked pairs and text: layouts, batches of equal cost, reproducible masks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from parallel_data import Sequences, words_dictionary

from fairseq_xling.data.tlm_dataset import TLMDataset
from fairseq_xling.data.token_masking import TokenMasker

DICTIONARY = words_dictionary()


def draw(generator, count, longest=12):
    return Sequences(
        torch.tensor([0, *generator.integers(4, 64, generator.integers(1, longest)), 2])
        for _ in range(count)
    )


def streams(counts=(20, 15), seed=0):
    generator = np.random.default_rng(seed)
    found = []
    for count in counts:
        one = SimpleNamespace(
            input=draw(generator, count), source=draw(generator, count)
        )
        found.append(one)
    return found


def text(count=9):
    return draw(np.random.default_rng(9), count, longest=25)


def make(concatenate, with_text=True, separators=2, max_length=40, **options):
    return TLMDataset(
        streams(),
        text() if with_text else None,
        TokenMasker(DICTIONARY, 0.3),
        separators=separators,
        max_length=max_length,
        concatenate=concatenate,
        **{"shuffle": True, **options},
    )


def batches(dataset, epoch=1, **limits):
    dataset.set_epoch(epoch)
    indices = dataset.ordered_indices()
    return [b.tolist() for b in dataset.batch_by_size(indices, **limits)]


def collate(dataset, batch):
    return dataset.collater([dataset[i] for i in batch])


def strip(row):
    return [token for token in row.tolist() if token != 1]


@pytest.mark.parametrize("separators", [1, 2])
def test_joint_sequence_holds_source_then_target_with_the_same_masks(separators):
    joint, apart = (make(kind, separators=separators) for kind in (True, False))
    batch = list(range(12))
    one, two = collate(joint, batch), collate(apart, batch)
    for i in batch:
        source = strip(two["net_input"]["source_tokens"][i])
        target = strip(two["net_input"]["src_tokens"][i])
        want = [*source, *[2] * (separators - 1), *target[1:]]
        assert strip(one["net_input"]["src_tokens"][i]) == want
        predicted = strip(two["source_target"][i]) + strip(two["target"][i])
        assert strip(one["target"][i]) == predicted
        places = torch.nonzero(one["target"][i].ne(1)).flatten()
        shift = len(source) + separators - 2
        want = torch.cat(
            [
                torch.nonzero(two["source_target"][i].ne(1)).flatten(),
                torch.nonzero(two["target"][i].ne(1)).flatten() + shift,
            ]
        )
        assert torch.equal(places, want)
    assert "source_tokens" not in one["net_input"]
    assert two["ntokens"] - one["ntokens"] == (2 - separators) * len(batch)


def test_both_layouts_have_the_same_batches_and_encode_as_many_tokens():
    limits = {"max_tokens": 120, "max_sentences": 6}
    joint, apart = (make(kind) for kind in (True, False))
    for epoch in (1, 2):
        found = batches(joint, epoch, **limits)
        assert found == batches(apart, epoch, **limits)
        for batch in found:
            one, two = collate(joint, batch), collate(apart, batch)
            assert one["ntokens"] == two["ntokens"]
            # Padded batches stay within the limit in either layout.
            for sample in (one, two):
                padded = [
                    sample["net_input"][name].shape
                    for name in ("src_tokens", "source_tokens")
                    if name in sample["net_input"]
                ]
                rows, width = sum(s[0] for s in padded), max(s[1] for s in padded)
                assert rows * width <= 120
    assert batches(joint, 1, **limits) != batches(joint, 2, **limits)


def test_batches_hold_every_item_once_and_pairs_apart_from_text():
    dataset = make(False)
    found = batches(dataset, max_sentences=4)
    assert sorted(sum(found, [])) == list(range(20 + 15 + 9))
    for batch in found:
        assert len({bool(dataset.paired[i]) for i in batch}) == 1
        sample = collate(dataset, batch)
        assert sample["is_text"] == (not dataset.paired[batch[0]])


def test_masks_depend_on_seed_epoch_and_item_alone():
    def masks(dataset, epoch, order):
        dataset.set_epoch(epoch)
        return {i: dataset[i]["input"][0].tolist() for i in order}

    ascending = range(44)
    want = masks(make(False), 3, ascending)
    assert masks(make(False), 3, reversed(ascending)) == want
    assert masks(make(False), 4, ascending) != want
    assert masks(make(False, seed=2), 3, ascending) != want
    batch = [3, 40 - 8, 7]
    dataset = make(False)
    dataset.set_epoch(3)
    for i, row in zip(batch, collate(dataset, batch)["net_input"]["src_tokens"]):
        assert strip(row) == want[i]


def test_too_long_pairs_and_blocks_are_left_out_of_both_layouts():
    for kind in (True, False):
        dataset = make(kind, max_length=18)
        everything = streams()
        for number, one in enumerate(everything):
            fits = one.input.sizes + one.source.sizes <= 18
            assert 0 < dataset.left_out[number] == (~fits).sum()
        assert dataset.left_out[2] == (text().sizes > 18).sum()
        for batch in batches(dataset, max_sentences=5):
            assert collate(dataset, batch)["net_input"]["src_tokens"].size(1) <= 18


def test_split_without_text_and_without_shuffling_is_read_longest_first():
    dataset = make(True, with_text=False, shuffle=False)
    order = dataset.ordered_indices()
    assert len(order) == 35 and (np.diff(dataset.lengths[order]) <= 0).all()
    assert dataset.collater([]) == {}
