"""Representations of rows: equal to those one by one, in every family of tasks."""

from functools import partial

import numpy as np
import pytest
import torch
from pair_data import pair_task, write_pair_data
from question_data import question_task, write_question_data
from refusals import refused
from small_model import small_model
from tag_data import tagging_task, write_tag_data

from fairseq_xling.analysis.models import Inputs, held_languages, with_counterparts
from fairseq_xling.analysis.sentence_states import (
    ALONE,
    MIXED,
    choose_layer,
    choose_layers,
    open_rows,
    read_states,
    ways_of,
)
from fairseq_xling.families.prediction import BatchOptions

LAYERS = [0, 1, 2]


FAMILIES = {
    "pairs": (write_pair_data, partial(pair_task, max_positions=40)),
    "tagging": (write_tag_data, tagging_task),
    "questions": (write_question_data, question_task),
}


@pytest.fixture(scope="module", params=FAMILIES)
def task(request, tmp_path_factory):
    write, build = FAMILIES[request.param]
    return build(write(tmp_path_factory.mktemp(request.param) / "bin"))


def options(**more):
    batches = {"batch_size": more.pop("batch_size", 5), "cpu": True}
    batches["max_tokens"] = more.pop("max_tokens", None)
    return Inputs("bin", batches=BatchOptions(**batches), **more)


def pooled(states, tokens):
    """Mean over tokens that are not ``<s>``, ``<pad>`` or ``</s>``, one by one."""
    kept = [state for state, token in zip(states, tokens.tolist()) if token > 2]
    return sum(kept) / len(kept)


def one_by_one(task, model, lang, way):
    """By row: targets and sources of its windows, without padding or batches."""
    dataset = task.open_dataset([("test", lang)], {"source"}, is_train=False)
    found = {}
    for index in range(len(dataset)):
        item = dataset[index]
        for window in item if isinstance(item, list) else [item]:
            tokens, source = window["input"], window["source"]
            streams = [tokens] if source is None else [tokens, source]
            layers = []
            for one in streams:
                _, extra = model(one[None], features_only=True, return_all_hiddens=True)
                states = extra["inner_states"]
                layers.append([pooled(states[x][:, 0], one) for x in LAYERS])
            if way == MIXED and source is not None:
                states, extra = model(tokens[None], source[None], features_only=True)
                layers[0][-1] = pooled(states[0, : len(tokens)], tokens)
                layers[0][1] = None
            found.setdefault(window["row"], []).append(layers)
    return found


@pytest.mark.parametrize("way", [ALONE, MIXED])
@torch.no_grad()
def test_batches_and_padding_change_no_representation(task, way):
    model = small_model(mixup_layer="1")
    want = one_by_one(task, model, "de", way)
    args = options(max_tokens=150, batch_size=None)
    seen = []
    for states in read_states(task, model, "de", way, LAYERS, args):
        for i, row in enumerate(states.row):
            near = [
                layers
                for layers in want[int(row)]
                if torch.allclose(layers[0][-1], states.target[i, -1], atol=1e-4)
            ]
            assert len(near) == 1
            (layers,) = near
            seen.append((int(row), id(layers)))
            streams = [states.target[i]]
            if i < len(states.source):
                streams.append(states.source[i])
            assert len(streams) == len(layers)
            for got, stream in zip(streams, layers):
                for vector, expected in zip(got, stream):
                    if expected is not None:
                        torch.testing.assert_close(
                            vector, expected, atol=1e-4, rtol=1e-4
                        )
    assert len(seen) == len(set(seen)) == sum(map(len, want.values()))


def test_mixing_moves_targets_and_not_sources(task):
    model = small_model(mixup_layer="2")
    found = {
        way: list(read_states(task, model, "de", way, LAYERS, options()))
        for way in ways_of(model)
    }
    assert list(found) == [ALONE, MIXED]
    for alone, mixed in zip(*found.values()):
        pairs = len(alone.source)
        torch.testing.assert_close(mixed.source, alone.source, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mixed.target[pairs:], alone.target[pairs:])
        difference = (mixed.target - alone.target).abs()[:pairs]
        if pairs:
            assert difference[:, :2].max() < 1e-5
            assert difference[:, 2].amax(dim=1).min() > 1e-3
    assert ways_of(small_model(mixup_layer="0")) == [ALONE]


def test_some_rows_are_the_same_in_every_language_and_of_every_batch_size(task):
    rows = {}
    for lang, size in (("en", 2), ("de", 2), ("de", 50)):
        args = options(max_rows=4, batch_size=size)
        found = read_states(task, small_model(), lang, ALONE, [2], args)
        rows[lang, size] = {int(row) for states in found for row in states.row}
    assert len(rows["en", 2]) == 4
    assert rows["en", 2] == rows["de", 2] == rows["de", 50]
    assert len(open_rows(task, "en", options(max_rows=4), False).ordered_indices()) == 4
    other = open_rows(task, "en", options(max_rows=4, seed=5), False)
    assert set(np.flatnonzero(other.is_chosen)) != rows["en", 2]


def test_layers_are_all_or_the_last_or_given():
    assert choose_layers("all", 3) == [0, 1, 2, 3]
    assert choose_layers("last", 3) == [3]
    assert choose_layers("3,0,3", 3) == [0, 3]
    for wrong in ("4", "-1", "first", "1,,2", ""):
        with refused("--layers"):
            choose_layers(wrong, 3)


def test_languages_are_those_of_the_split(tmp_path):
    data = write_pair_data(tmp_path / "bin", without=["test.sw.source"])
    task = pair_task(data)
    assert held_languages(task, options()) == ["en", "de", "sw"]
    assert held_languages(task, options(langs="sw,en")) == ["en", "sw"]
    assert with_counterparts(task, options()) == ["de"]
    for wrong, message in (
        ({"langs": "de,sw"}, "no counterparts .* for sw"),
        ({"langs": "en"}, "no counterparts .* for any language"),
        ({"langs": "xx"}, "no test in xx; it has en,de,sw"),
        ({"split": "dev"}, "no split dev; it has test, train, valid"),
    ):
        with refused(message):
            with_counterparts(task, options(**wrong))


def test_one_layer_is_the_last_or_given():
    assert (choose_layer("last", 3), choose_layer("0", 3)) == (3, 0)
    for wrong in ("4", "-1", "all", "1,2", ""):
        with refused("--layer "):
            choose_layer(wrong, 3)
