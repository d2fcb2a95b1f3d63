"""--group-translations: a source that several pairs of a batch have is encoded once."""

import copy
import shutil

import numpy as np
import pytest
import torch
from trainer import FAMILIES, NO_DROPOUT, build, write_families

from fairseq_xling.data.shared_sources import order_by_source


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = write_families(tmp_path_factory.mktemp("families"))
    for data in found.values():
        # Both target languages are translated from the same rows.
        for path in data.glob("train.de.source*"):
            shutil.copy(path, path.with_name(path.name.replace("de", "sw", 1)))
    return found


@pytest.fixture(params=FAMILIES)
def built(request, folders):
    options = ("--group-translations", "--scheduled-sampling-decay=4", *NO_DROPOUT)
    return build(FAMILIES[request.param][1], folders[request.param], *options)


def one_batch(task):
    """The dataset, and all of it as a batch."""
    dataset = task.load_dataset("train")
    samples = [dataset[index] for index in dataset.ordered_indices()]
    return dataset, dataset.collater(samples)


def loss_and_gradients(built, sample):
    model, criterion = copy.deepcopy(built.model).double(), built.trainer.criterion
    loss, _, _ = criterion(model.train(), to_double(sample))
    loss.backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return loss.item(), grads


def to_double(value):
    if isinstance(value, dict):
        return {key: to_double(one) for key, one in value.items()}
    is_float = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.double() if is_float else value


@pytest.mark.parametrize("ratio", ["adaptive", "constant"])
@pytest.mark.parametrize("update", [0, 6])
def test_loss_and_gradients_are_those_of_sources_encoded_one_by_one(
    built, ratio, update
):
    task = built.task
    batch = one_batch(task)[1]
    if ratio == "constant":
        for layer in built.model.encoder.sentence_encoder.layers:
            if hasattr(layer, "mixup_ratio"):
                layer.mixup_ratio = None
    shared = task.sample_sources(batch, update)
    pad, streams = task.dictionary.pad(), ("src_tokens", "source_tokens")
    lengths = [shared["net_input"][x].ne(pad).sum(1).numpy() for x in streams]
    plain = {**shared, "net_input": dict(shared["net_input"])}
    plain["lengths"] = np.concatenate(lengths)
    places = plain["net_input"].pop("source_places")
    first = plain["net_input"].pop("distinct_sources")
    sources = shared["net_input"]["source_tokens"]
    assert torch.equal(sources[first][places], sources)
    # Fewer are encoded, and no text twice.
    assert len(first) == len({tuple(row.tolist()) for row in sources}) < len(sources)
    if update:
        real = shared["source_is_real"]
        assert real.any() and not real.all()
    loss, gradients = loss_and_gradients(built, shared)
    want, wanted = loss_and_gradients(built, plain)
    assert loss == pytest.approx(want, rel=1e-7)
    assert gradients.keys() == wanted.keys()
    # fairseq's GELU computes in fp32.
    for name, gradient in wanted.items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-5, atol=1e-7)
    assert any(gradient.abs().max() > 0 for gradient in wanted.values())


def test_encoder_reads_targets_and_distinct_sources_alone(built, monkeypatch):
    encoder = built.model.encoder.sentence_encoder
    rows, encode = [], encoder.encode

    def counted(tokens, *given, **others):
        rows.append(len(tokens))
        return encode(tokens, *given, **others)

    monkeypatch.setattr(encoder, "encode", counted)
    batch = one_batch(built.task)[1]
    built.task.train_step(
        batch, built.model, built.trainer.criterion, built.trainer.optimizer, 0
    )
    sources = built.task.sample_sources(batch, 0)["net_input"]["source_tokens"]
    distinct = {tuple(row.tolist()) for row in sources}
    assert rows == [len(batch["id"]) + len(distinct)]
    assert len(distinct) < len(sources)


def test_items_of_one_source_follow_one_another(built):
    dataset, _ = one_batch(built.task)
    order = dataset.ordered_indices()
    assert sorted(order) == list(range(len(dataset)))
    texts = [first_source(dataset, index) for index in order]
    changes = sum(a != b for a, b in zip(texts, texts[1:]))
    alone = sum(text is None for text in texts)
    assert changes < len(set(texts)) + alone
    # Each epoch has an order of its own, and each process the same.
    assert np.array_equal(order, dataset.ordered_indices())
    dataset.set_epoch(2)
    assert not np.array_equal(order, dataset.ordered_indices())


def first_source(dataset, index):
    item = dataset[index]
    if isinstance(item, list):  # a window: those of a row are together
        row = int(dataset.item_rows[index])
        source = dataset.streams[dataset.item_parts[index]].source
        return None if item[0]["source"] is None else tuple(source[row].tolist())
    return None if item["source"] is None else tuple(item["source"].tolist())


def test_groups_are_ordered_by_their_longest_item():
    keys, lengths = np.array([7, 3, 7, 3, 5, 7]), np.array([2, 9, 4, 1, 3, 4])
    firsts = set()
    for seed in range(20):
        order = order_by_source(keys, lengths, np.random.default_rng(seed))
        assert keys[order].tolist() == [5, 7, 7, 7, 3, 3]
        firsts.add(order[1])
    assert firsts == {0, 2, 5}


def test_validation_is_left_as_it_is(built):
    dataset = built.task.load_dataset("valid")
    batch = dataset.collater([dataset[0]])
    assert batch["source_numbers"] is None
