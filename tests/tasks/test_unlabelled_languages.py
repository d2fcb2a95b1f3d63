"""Languages without labels: not validated on, not trained on, but predicted."""

import logging
from typing import Any, Callable, NamedTuple

import pytest
import torch
from pair_data import pair_task, write_pair_data
from question_data import question_task, write_question_data
from refusals import refused
from small_model import small_model
from tag_data import tagging_task, with_head, write_tag_data

from fairseq_xling.criterions.xmixup import XMixupCriterion


class Family(NamedTuple):
    write: Callable[..., Any]
    make: Callable[..., Any]
    model: Callable[..., Any]
    stream: str


FAMILIES = {
    "pairs": Family(write_pair_data, pair_task, lambda task: small_model(), "label"),
    "tagging": Family(write_tag_data, tagging_task, with_head, "tags"),
    "questions": Family(write_question_data, question_task, with_head, "span"),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def validate(family, task):
    """The languages of the dev set, and what a batch of all of it logs."""
    dataset = task.load_dataset("valid")
    batch = dataset.collater([dataset[i] for i in range(len(dataset))])
    criterion = XMixupCriterion(task, None, 1.0, 1.0, "mean").eval()
    with torch.no_grad():
        _, rows, logged = criterion(family.model(task).eval(), batch)
    languages = [task.languages[lang] for lang in dataset.lang_ids]
    return languages, {**logged, "rows": rows}


def test_dev_language_without_labels_is_left_out_and_named(family, tmp_path, caplog):
    data = family.write(tmp_path / "bin", without=[f"valid.sw.{family.stream}"])
    with caplog.at_level(logging.WARNING):
        task = family.make(data)
        languages, logged = validate(family, task)
    assert languages == ["en", "de"]
    said = [x for x in caplog.messages if "without labels" in x]
    assert said == ["valid: sw without labels: left out of the loss and the scores"]
    assert task.family.scores[0] + "_de" in task.score_names()
    assert task.family.scores[0] + "_sw" not in task.score_names()
    _, alone = validate(family, family.make(data, target_langs="de"))
    assert logged["rows"] == alone["rows"]
    assert torch.equal(logged["loss"], alone["loss"])


def test_language_without_labels_is_loaded_to_be_predicted(family, tmp_path):
    data = family.write(tmp_path / "bin", without=[f"valid.sw.{family.stream}"])
    task = family.make(data)
    assert task.load_dataset("valid", with_unlabelled=True).lang_ids == [0, 1, 2]


def test_dev_set_without_any_labels_is_refused(family, tmp_path):
    without = [f"valid.{lang}.{family.stream}" for lang in ("en", "de", "sw")]
    task = family.make(family.write(tmp_path / "bin", without=without))
    with refused("valid has no labels in en,de,sw; choose"):
        task.load_dataset("valid")


def test_language_without_labels_is_not_trained_on(family, tmp_path):
    stream = "soft_tags" if family.stream == "tags" else family.stream
    task = family.make(family.write(tmp_path / "bin", without=[f"train.sw.{stream}"]))
    with refused("sw.* has no|sw.* have no"):
        task.load_dataset("train")
