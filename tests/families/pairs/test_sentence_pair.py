"""The sentence-pair task: languages, training sets, scheduled sampling, refusals."""

import json
import math

import numpy as np
import pytest
import torch
from pair_data import pair_task, write_pair_data
from refusals import refused

from fairseq_xling.data.scheduled_sampling import uniform_draws
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.tasks import XMixupPAWSXTask


def batch_of(task, split="train"):
    dataset = task.load_dataset(split)
    return dataset.collater([dataset[i] for i in range(len(dataset))])


def test_source_is_replaced_exactly_where_the_draw_exceeds_the_probability(pair_data):
    task = pair_task(pair_data, scheduled_sampling_decay=4)
    sample = batch_of(task)
    update = 6
    probability = 4 / (4 + math.exp(update / 4))
    out = task.sample_sources(sample, update)
    assert out["real_source_probability"] == pytest.approx(probability)
    sources = sample["net_input"]["source_tokens"]
    draws = uniform_draws(3, update, sample["rows"][: len(sources)].tolist())
    replaced = 0
    for row, draw in enumerate(draws):
        want = sources[row] if draw <= probability else sample["backtranslation"][row]
        replaced += draw > probability
        want = want[want != 1].tolist()
        got = out["net_input"]["source_tokens"][row]
        assert got[got != 1].tolist() == want
    assert 0 < replaced < len(sources)


def test_batch_unit_replaces_all_sources_or_none(pair_data):
    task = pair_task(
        pair_data, scheduled_sampling_decay=4, scheduled_sampling_unit="batch"
    )
    sample = batch_of(task)
    kinds = set()
    for update in range(20):
        tokens = task.sample_sources(sample, update)["net_input"]["source_tokens"]
        real = sample["net_input"]["source_tokens"]
        width = real.size(1)
        same = (tokens[:, :width] == real).all(dim=1)
        assert same.all() or same.float().mean() < 0.3
        kinds.add(bool(same.all()))
    assert kinds == {True, False}


def test_without_decay_the_source_is_always_real(pair_data):
    task = pair_task(pair_data, scheduled_sampling_decay=0)
    sample = batch_of(task)
    assert sample["backtranslation"] is None
    assert task.sample_sources(sample, 10**6) is sample


def test_midpoint_sets_the_decay_from_updates_or_epochs(pair_data):
    task = pair_task(pair_data, scheduled_sampling_midpoint=0.5, max_update=2000)
    decay = task.sampling_decay()
    assert decay * math.log(decay) == pytest.approx(1000, rel=1e-6)
    task = pair_task(
        pair_data, scheduled_sampling_midpoint=0.5, max_epoch=4, update_freq=[2, 1]
    )
    dataset = task.load_dataset("train")
    iterator = task.get_batch_iterator(dataset, max_sentences=7, seed=3)
    batches = len(iterator)
    updates = math.ceil(batches / 2) + 3 * batches
    decay = task.sampling_decay()
    assert decay * math.log(decay) == pytest.approx(updates / 2, rel=1e-6)


def test_midpoint_without_a_length_of_the_run_is_refused(pair_data):
    task = pair_task(pair_data, scheduled_sampling_midpoint=0.5)
    with refused("give --max-update or --max-epoch"):
        task.sampling_decay()


@pytest.mark.parametrize(
    "training_set, languages, paired",
    [
        ("pairs", {0, 1, 2}, True),
        ("concatenated", {0, 1, 2}, False),
        ("source", {0}, False),
    ],
)
def test_training_sets(pair_data, training_set, languages, paired):
    task = pair_task(pair_data, training_set=training_set)
    sample = batch_of(task)
    assert set(sample["lang"]) == languages
    assert (sample["net_input"]["source_tokens"] is not None) == paired
    valid = batch_of(task, "valid")
    assert set(valid["lang"]) == {0, 1, 2}
    assert (valid["net_input"]["source_tokens"] is not None) == paired


def test_mixup_inference_can_be_switched_off(pair_data):
    task = pair_task(pair_data, no_mixup_inference=True)
    assert batch_of(task, "valid")["net_input"]["source_tokens"] is None
    assert batch_of(task)["net_input"]["source_tokens"] is not None


def test_supervised_split_is_trained_with_the_sources_rows(tmp_path):
    rows = {"train": 10, "supervised": 6, "valid": 4}
    data = write_pair_data(tmp_path / "bin", rows=rows)
    for path in data.glob("supervised.en.*"):
        path.unlink()
    raw = json.loads((data / "manifest.json").read_text())
    del raw["splits"]["supervised"]["en"]
    (data / "manifest.json").write_text(json.dumps(raw))
    task = pair_task(data, training_set="concatenated", train_subset="supervised")
    sample = batch_of(task, "supervised")
    assert np.bincount(sample["lang"]).tolist() == [10, 6, 6]
    assert sample["net_input"]["source_tokens"] is None


def test_target_languages_can_be_chosen(pair_data):
    task = pair_task(pair_data, target_langs="sw")
    assert task.languages == ["en", "sw"]
    assert len(task.load_dataset("train")) == 80


def test_what_is_missing_is_said_by_name(tmp_path, caplog):
    data = write_pair_data(
        tmp_path / "bin", without=["train.de.backtranslation", "valid.sw.source"]
    )
    task = pair_task(data)
    with caplog.at_level("WARNING"):
        task.load_dataset("train")
        task.load_dataset("valid")
    assert "train: de without backtranslation: no scheduled sampling" in caplog.text
    assert "valid: sw without source: no mixup" in caplog.text


@pytest.mark.parametrize(
    "options, message",
    [
        ({"target_langs": "xx"}, "--target-langs xx: not in .*holds de,sw"),
        ({"source_lang": "de"}, "--source-lang de: the data's counterparts are in en"),
        ({"scheduled_sampling_decay": -1.0}, "--scheduled-sampling-decay -1"),
        ({"scheduled_sampling_midpoint": 1.5}, "--scheduled-sampling-midpoint 1.5"),
    ],
)
def test_wrong_options_are_refused_in_one_line(pair_data, options, message):
    with refused(message):
        pair_task(pair_data, **options)


def test_data_of_another_benchmark_are_refused(pair_data):
    with refused("holds xnli data; this task reads pawsx"):
        pair_task(pair_data, task=XMixupPAWSXTask)


def test_exchanged_dictionary_is_refused(tmp_path):
    data = write_pair_data(tmp_path / "bin")
    (data / "dict.txt").write_text("a 1\n")
    with refused("dict.txt: 6 entries, but the data were"):
        pair_task(data)


def test_long_sequences_are_refused_unless_they_are_to_be_shortened(pair_data):
    with refused(r"row \d+ has \d+ tokens, over --max-positions"):
        pair_task(pair_data, max_positions=10).load_dataset("train")
    task = pair_task(pair_data, max_positions=10, truncate_sequence=True)
    sample = batch_of(task)
    assert sample["net_input"]["src_tokens"].size(1) == 10


def test_unknown_split_is_refused(pair_data):
    with refused("no split dev .*it has test, train, valid"):
        pair_task(pair_data).load_dataset("dev")


def test_counted_tokens_are_neither_padding_nor_special(pair_data):
    task = pair_task(pair_data)
    tokens = torch.tensor([[0, 7, 2, 2, 8, 2, 1]])
    want = [[False, True, False, False, True, False, False]]
    assert count_tokens(tokens, task.dictionary).tolist() == want
