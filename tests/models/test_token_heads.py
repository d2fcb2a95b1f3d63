"""Heads that score tokens or words: in the model, in checkpoints, in training."""

from functools import partial

import pytest
import torch
from fairseq.models.roberta import RobertaModel
from small_model import pad_rows, small_args, small_model, small_task

from fairseq_xling.models.word_pooling import first_piece, mean_of_pieces
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

TARGETS = [[0, 10, 11, 12, 2], [0, 13, 14, 15, 16, 17, 2], [0, 18, 2]]
STARTS = [[1, 3], [1, 2, 5], [1]]
SOURCES = [[0, 30, 31, 32, 33, 34, 35, 36, 2], [0, 37, 38, 2]]
SOURCE_STARTS = [[1, 2, 6], [1]]


def model_with_head(outputs=4, name="tags", **options):
    model = small_model(**options)
    model.register_token_head(name, outputs, 0.0)
    return model.double().eval()


def pad_starts(rows, extra=0):
    words = max(map(len, rows)) + extra
    return torch.tensor([row + [-1] * (words - len(row)) for row in rows])


def run(model, targets=TARGETS, sources=None, starts=None, source_starts=None, **more):
    with torch.no_grad():
        return model(
            pad_rows(targets),
            None if sources is None else pad_rows(sources),
            features_only=True,
            token_head_name="tags",
            word_starts=None if starts is None else pad_starts(starts),
            source_word_starts=None
            if source_starts is None
            else pad_starts(source_starts),
            **more,
        )


def test_head_is_dropout_and_a_linear_layer():
    model = model_with_head(outputs=3)
    head = model.token_heads["tags"]
    states = torch.randn(2, 5, 16, dtype=torch.double)
    want = states @ head.out_proj.weight.T + head.out_proj.bias
    torch.testing.assert_close(head(states), want)
    assert head.out_proj.bias.eq(0).all()
    model.register_token_head("dropped", 3, 0.5)
    dropped = model.double().train().token_heads["dropped"]
    assert not torch.equal(dropped(states), dropped(states))


def test_one_stream_scores_every_token_of_the_features():
    model = model_with_head()
    logits, extra = run(model)
    features, _ = model(pad_rows(TARGETS), features_only=True)
    torch.testing.assert_close(extra["features"], features)
    torch.testing.assert_close(logits, model.token_heads["tags"](features))
    assert logits.shape == (3, 7, 4) and extra.keys() == {"features"}


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("sources", [None, SOURCES])
def test_word_starts_give_the_scores_of_words(pooling, sources):
    model = model_with_head()
    source_starts = None if sources is None else SOURCE_STARTS
    logits, extra = run(
        model, TARGETS, sources, STARTS, source_starts, word_pooling=pooling
    )
    streams = [(logits, extra["features"], TARGETS, STARTS)]
    if sources is not None:
        source_logits, states = extra["source_logits"], extra["source_features"]
        streams.append((source_logits, states, SOURCES, SOURCE_STARTS))
    for got, states, rows, starts in streams:
        width = states.size(1)
        counted = pad_rows(rows, width).gt(2)
        padded = pad_starts(starts)
        pooled = first_piece(states, padded)
        if pooling == "mean":
            pooled = mean_of_pieces(states, padded, counted)
        torch.testing.assert_close(got, model.token_heads["tags"](pooled))


def test_two_streams_score_tokens_of_both():
    model = model_with_head()
    logits, extra = run(model, TARGETS, SOURCES)
    assert logits.shape == (3, 9, 4) and extra["source_logits"].shape == (2, 9, 4)
    head = model.token_heads["tags"]
    torch.testing.assert_close(logits, head(extra["features"]))
    torch.testing.assert_close(extra["source_logits"], head(extra["source_features"]))
    assert extra["mixup_ratio"].shape == (2, 1)


def test_sources_whose_words_are_not_marked_are_not_scored():
    _, extra = run(model_with_head(), TARGETS, SOURCES, STARTS)
    assert "source_logits" not in extra and len(extra["source_features"]) == 2


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_companions_and_padding_do_not_change_the_scores_of_words(pooling):
    model = model_with_head()
    together, extra = run(
        model, TARGETS, SOURCES, STARTS, SOURCE_STARTS, word_pooling=pooling
    )
    for row, (target, starts) in enumerate(zip(TARGETS, STARTS)):
        sources = SOURCES[row : row + 1] or None
        source_starts = SOURCE_STARTS[row : row + 1] or None
        alone, own = run(
            model, [target], sources, [starts], source_starts, word_pooling=pooling
        )
        torch.testing.assert_close(alone[0], together[row, : len(starts)])
        if sources:
            words = len(source_starts[0])
            torch.testing.assert_close(
                own["source_logits"][0], extra["source_logits"][row, :words]
            )


def test_batch_without_pairs_still_gives_every_ratio_parameter_a_gradient():
    model = model_with_head().train()
    logits, _ = model(pad_rows(TARGETS), token_head_name="tags")
    logits.sum().backward()
    [ratio] = model.ratio_modules()
    assert all(parameter.grad is not None for parameter in ratio.parameters())


def fresh(outputs=None, name="tags", **options) -> XMixupXLMRModel:
    model = XMixupXLMRModel.build_model(small_args(**options), small_task())
    if outputs is not None:
        model.register_token_head(name, outputs, 0.0)
    return model


def test_checkpoint_with_the_head_loads_into_a_model_with_it():
    trained, model = fresh(4), fresh(4)
    trained.token_heads["tags"].out_proj.bias.data.fill_(0.5)
    model.load_state_dict(trained.state_dict(), strict=True)
    for name, value in trained.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def roberta():
    torch.manual_seed(3)
    return RobertaModel.build_model(small_args(), small_task())


@pytest.mark.parametrize(
    "begin, other",
    [
        (partial(fresh, 4), {"outputs": 5}),
        (partial(fresh, 4), {"outputs": 4, "name": "spans"}),
        (roberta, {"outputs": 4}),  # has no head
    ],
)
def test_head_that_does_not_fit_is_dropped_with_a_warning(begin, other, caplog):
    trained, model = begin(), fresh(**other)
    before = {k: v.clone() for k, v in model.token_heads.state_dict().items()}
    with caplog.at_level("WARNING"):
        model.load_state_dict(trained.state_dict(), strict=True)
    said = "token head tags of the checkpoint is not used"
    assert (said in caplog.text) == (begin is not roberta)
    assert before.keys() == model.token_heads.state_dict().keys()
    for name, value in model.token_heads.state_dict().items():
        assert torch.equal(value, before[name])
    name = "encoder.sentence_encoder.layers.0.fc1.weight"
    assert torch.equal(model.state_dict()[name], trained.state_dict()[name])


def test_model_without_heads_takes_a_checkpoint_with_one():
    fresh().load_state_dict(fresh(4).state_dict(), strict=True)


def test_model_from_pretrained_checkpoint_trains_with_a_new_head():
    model = fresh(4)
    model.load_state_dict(roberta().state_dict(), strict=True)
    tags = torch.tensor([[0, 1, 0], [2, 3, 1], [3, 0, 0]])
    is_word = pad_starts(STARTS).ge(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        logits, _ = model(
            pad_rows(TARGETS), token_head_name="tags", word_starts=pad_starts(STARTS)
        )
        loss = torch.nn.functional.cross_entropy(logits[is_word], tags[is_word])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
