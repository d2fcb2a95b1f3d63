"""The tagging tasks: their defaults, what they refuse, predictions and F1."""

import warnings

import numpy as np
import pytest
import torch
from naive_losses import validated
from refusals import refused
from seqeval.metrics import f1_score
from small_data import write_stream
from tag_data import TAGS, predict, tagging_task, with_head, write_tag_data

from fairseq_xling.data.manifest import stream_prefix
from fairseq_xling.families.tagging.task import TaggingConfig
from fairseq_xling.tasks import XMixupUDPOSTask

POS = ["ADJ", "DET", "NOUN", "PUNCT", "VERB"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tag_data(tmp_path_factory.mktemp("data") / "bin")


@pytest.mark.parametrize("training_set", ["pairs", "concatenated"])
def test_training_without_tags_or_pseudo_labels_is_refused(tmp_path, training_set):
    without = ["train.de.soft_tags", "train.sw.soft_tags"]
    data = write_tag_data(tmp_path / "bin", without=without)
    task = tagging_task(data, training_set=training_set)
    message = "de,sw of train have no tags .*xling-pseudo-label"
    with refused(message):
        task.load_dataset("train")
    # The model that makes the pseudo-labels is trained on such data.
    source = tagging_task(data, training_set="source")
    assert len(source.load_dataset("train")) == 20


@pytest.mark.parametrize(
    "stream, command", [("tags", "preprocessing"), ("soft_tags", "xling-pseudo-label")]
)
def test_tags_that_are_not_one_a_word_are_refused(tmp_path, stream, command):
    data = write_tag_data(tmp_path / "bin")
    lang = "en" if stream == "tags" else "de"
    task = tagging_task(data, target_langs="de")
    dataset = task.load_dataset("train")
    rows = [row.clone() for row in getattr(dataset.streams[lang == "de"], stream)]
    rows[3] = torch.cat([rows[3], rows[3][:1]])
    write_stream(stream_prefix(data, "train", lang, stream), rows)
    message = rf"train\.{lang}\.{stream}: row 4 has \d+ values .* run {command}"
    with refused(message):
        tagging_task(data, target_langs="de").load_dataset("train")


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("inference", [False, True])
def test_predictions_do_not_depend_on_the_batch_size(data, pooling, inference):
    task = tagging_task(
        data, max_positions=9, word_pooling=pooling, no_mixup_inference=inference
    )
    model, valid = with_head(task), task.load_dataset("valid")
    want = predict(task, model, valid, 1)
    assert len(want) == 24
    for lang, streams in enumerate(valid.streams):
        for row in range(len(streams)):
            one = want[lang, row]
            assert one.gold.tolist() == (streams.tags[row] - 4).tolist()
            assert one.probabilities.shape == (len(one.gold), len(TAGS))
            np.testing.assert_allclose(one.probabilities.sum(axis=1), 1, rtol=1e-5)
    for size in (5, 24):
        got = predict(task, model, valid, size)
        assert got.keys() == want.keys()
        for key, row in got.items():
            np.testing.assert_allclose(
                row.probabilities, want[key].probabilities, rtol=1e-5
            )


def test_sentence_is_put_together_from_its_windows_in_order(data):
    """Words of a window have the probabilities of that window by itself."""
    task = tagging_task(data, max_positions=8, no_mixup_inference=True)
    model, valid = with_head(task), task.load_dataset("valid")
    found = predict(task, model, valid, 24)
    index = int(np.flatnonzero(valid.counts > 1)[0])
    parts = []
    for sample in valid[index]:
        with torch.no_grad():
            logits, _ = model(
                sample["input"][None],
                token_head_name="tagging_head",
                word_starts=sample["word_starts"][None],
            )
        parts.append(logits[0].softmax(dim=-1).numpy())
    whole = found[sample["lang"], sample["row"]].probabilities
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-5)


@pytest.mark.parametrize("kind", ["panx", "udpos"])
@pytest.mark.parametrize("size", [5, 24])
def test_validation_f1_is_seqevals_on_the_predictions(tmp_path, kind, size):
    options, tags = {}, TAGS
    if kind == "udpos":
        options, tags = {"task": XMixupUDPOSTask, "config": TaggingConfig}, POS
    data = write_tag_data(
        tmp_path / "bin", rows={"valid": 30}, longest=14, task=kind, tags=tags
    )
    task = tagging_task(data, **options)
    model, valid = with_head(task), task.load_dataset("valid")
    found = predict(task, model, valid, 30)
    values, scores = validated(task, model, valid, size), []
    for index, lang in enumerate(task.languages):
        rows = [row for (other, _), row in found.items() if other == index]
        gold = [[tags[tag] for tag in row.gold] for row in rows]
        predicted = [
            [tags[tag] for tag in row.probabilities.argmax(axis=1)] for row in rows
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores.append(100 * f1_score(gold, predicted))
        assert values[f"f1_{lang}"] == pytest.approx(scores[-1], abs=0.006)
    assert max(scores) > 0
    assert values["f1"] == pytest.approx(np.mean(scores), abs=0.006)


def test_perfect_tags_have_an_f1_of_100(data):
    task = tagging_task(data)
    valid = task.load_dataset("valid")
    batch = valid.collater([valid[i] for i in range(len(valid))])
    counts = task.family.count_scores(batch["tag_probs"] * 10, {}, batch)
    for lang in task.languages:
        gold = counts[f"chunks_gold:{lang}"]
        assert counts[f"chunks_right:{lang}"] == gold > 0
        assert counts[f"chunks_predicted:{lang}"] == gold


def test_sentences_without_tags_are_predicted_and_not_scored(tmp_path):
    data = write_tag_data(tmp_path / "bin", without=["valid.sw.tags"])
    task = tagging_task(data)
    valid = task.load_dataset("valid", with_unlabelled=True)
    model = with_head(task)
    for size in (1, 24):
        found = predict(task, model, valid, size)
        unknown = {lang for (lang, _), row in found.items() if row.gold is None}
        assert len(found) == 24 and unknown == {2}
