"""A head's rows follow the names of labels, in whatever order a model was trained."""

from collections import OrderedDict

import torch
from refusals import refused
from small_model import HEAD, small_model
from tag_data import TAGS, tagging_task, with_head, write_tag_data

from fairseq_xling.families.tagging.task import TAGGING_HEAD
from fairseq_xling.launching.restoring import has_other_labels

ORDER = [2, 0, 1]
OURS = ["contradiction", "entailment", "neutral"]


def weights(model, labels):
    state = OrderedDict(model.state_dict())
    state.labels = labels
    return state


def test_pairs_are_classified_by_names_of_labels():
    model, other = small_model(), small_model(seed=1)
    other.label_names = OURS
    tokens = torch.tensor([[0, 5, 2, 2, 6, 2]])
    options = {"features_only": True, "classification_head_name": HEAD}
    theirs = [OURS[i].upper() for i in ORDER]
    other.load_state_dict(weights(model, theirs))
    want = model(tokens, **options)[0]
    assert torch.equal(other(tokens, **options)[0][:, ORDER], want)
    other.load_state_dict(weights(model, OURS))
    assert torch.equal(other(tokens, **options)[0], want)


def test_words_are_tagged_by_names_of_tags(tmp_path):
    task = tagging_task(write_tag_data(tmp_path / "data"))
    model, other = with_head(task), with_head(task, seed=1)
    other.label_names = task.label_names
    order = [3, 0, 4, 1, 2]
    other.load_state_dict(weights(model, [TAGS[i].lower() for i in order]))
    rows = other.token_heads[TAGGING_HEAD].out_proj.weight
    assert torch.equal(rows[order], model.token_heads[TAGGING_HEAD].out_proj.weight)
    # The task lets it through, and refuses other tags with both lists.
    task.load_state_dict({"labels": [TAGS[i] for i in order]})
    with refused("labels A, B, C, D, E, but .* has B-LOC, B-P"):
        task.load_state_dict({"labels": list("ABCDE")})
    with refused("the labels none, but .* has B-LOC, B-P"):
        task.load_state_dict({"labels": []})


def test_other_labels_are_refused_with_both_lists():
    model, other = small_model(), small_model()
    other.label_names = OURS
    with refused("labels a, b, c, but the data have contrad"):
        other.load_state_dict(weights(model, ["a", "b", "c"]))


def test_checkpoints_of_another_order_are_seen_before_a_run(tmp_path):
    task = tagging_task(write_tag_data(tmp_path / "data"))
    path = str(tmp_path / "model.pt")
    labels = list(task.label_names)
    for named, differs in ((labels, False), (labels[::-1], True), (None, False)):
        torch.save({"model": {}, "task_state": {"labels": named}}, path)
        assert has_other_labels(task, path) == differs
    task.label_names = []
    assert not has_other_labels(task, path)
    assert not has_other_labels(task, str(tmp_path / "nowhere.pt"))
