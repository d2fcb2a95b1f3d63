"""Defaults of the tasks whose rows are read in windows: layers, weights, streams."""

import numpy as np
import pytest
import torch
from question_data import question_task, write_question_data
from small_model import small_args
from tag_data import TAGS, tagging_task, write_tag_data

from fairseq_xling.criterions.xmixup import XMixupCriterion

WRITE = {"tagging": write_tag_data, "questions": write_question_data}
TASKS = {"tagging": tagging_task, "questions": question_task}
# The streams of a row, those of a source, and the outputs of the head.
STREAMS = {
    "tagging": ({"word_starts", "tags", "soft_tags"}, {"word_starts", "tags"}),
    "questions": ({"context_length", "span", "offsets"}, {"span"}),
}
HEADS = {"tagging": ("tagging_head", len(TAGS)), "questions": ("span_head", 2)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return {name: write(root / name) for name, write in WRITE.items()}


@pytest.fixture(params=TASKS)
def name(request):
    return request.param


@pytest.fixture
def make(folders, name):
    return lambda **options: TASKS[name](folders[name], **options)


@pytest.mark.parametrize("layers", [24, 12, 4, 2, 1])
def test_layer_that_mixes_is_the_papers(name, make, layers):
    """The fourth, or the last of fewer; for questions that two thirds up."""
    fourth = {24: "4", 12: "4", 4: "4", 2: "2", 1: "1"}
    two_thirds = {24: "16", 12: "8", 4: "2", 2: "1", 1: "1"}
    want = fourth if name == "tagging" else two_thirds
    assert make().family.default_mixup_layer(layers) == want[layers]


@pytest.mark.parametrize(
    "training_set, given, mixing",
    [
        ("pairs", None, [4]),
        ("pairs", "2", [2]),
        ("pairs", "2,6", [2, 6]),
        ("concatenated", None, []),
        ("source", None, []),
    ],
)
def test_model_is_built_with_the_tasks_layer_where_none_is_given(
    name, make, training_set, given, mixing
):
    args = small_args(
        arch="xmixup_xlmr_mini", encoder_layers=6, mixup_layer=given, dropout=0.25
    )
    task = make(training_set=training_set)
    model = task.build_model(args)
    assert model.encoder.sentence_encoder.mixup_layers == mixing
    head_name, outputs = HEADS[name]
    head = model.token_heads[head_name]
    assert head.out_proj.out_features == outputs
    assert head.dropout.p == (0.25 if name == "tagging" else 0)
    assert task.family.head_bias in model.state_dict()


def test_default_weight_and_decay_are_those_of_the_paper(name, make):
    criterion = XMixupCriterion(make(), None, 1.0, 1.0, "mean")
    found = criterion.source_loss_weight, make().cfg.scheduled_sampling_decay
    assert found == ((0.8, 1000) if name == "tagging" else (0.2, 2000))


def test_streams_of_a_source_are_read_with_it_alone(name, make):
    own, of_source = STREAMS[name]
    both = own | {f"source_{stream}" for stream in of_source}
    assert make().family.own_streams(set()) == own
    assert make().family.own_streams({"source"}) == both
    for streams in make(training_set="concatenated").load_dataset("train").streams:
        for stream in ("source", "backtranslation", *(both - own)):
            assert getattr(streams, stream) is None


def test_training_windows_are_single_and_evaluation_rows_are_whole(name, make):
    task = make(**({"max_positions": 8} if name == "tagging" else {}))
    train, valid = task.load_dataset("train"), task.load_dataset("valid")
    assert train.shuffle and not valid.shuffle
    assert (train.counts == 1).all() and len(train) > 60
    assert len(valid) == 24 and valid.counts.max() > (name == "questions") + 1


def test_training_with_mixup_and_sampling_lowers_the_loss(name, make):
    task = make(scheduled_sampling_decay=4.0)
    torch.manual_seed(0)
    model = task.build_model(small_args(arch="xmixup_xlmr_mini", dropout=0.0)).train()
    criterion = XMixupCriterion(task, None, 1.0, 1.0, "mean")
    train = task.load_dataset("train")
    rows = range(0, len(train), 1 if name == "tagging" else 5)
    batch = train.collater([train[i] for i in rows])
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad], 0.01
    )
    losses = []
    for update in range(25):
        loss, size, _ = criterion(model, task.sample_sources(batch, update))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / size)
    assert np.mean(losses[-3:]) < 0.75 * losses[0]
