"""The choice of a token from logits."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from fairseq_xling.multimix.decoding import Decoding, choose_tokens, read_decoding

ROWS, SYMBOLS = 7, 30


def draw(rows=ROWS, symbols=SYMBOLS, seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, symbols, generator=generator)


def draw_allowed(shape, seed=0, share=0.5):
    generator = torch.Generator().manual_seed(seed)
    allowed = torch.rand(shape, generator=generator) < share
    allowed[..., 3] = True
    return allowed


@given(seed=st.integers(0, 999), by_row=st.booleans())
def test_the_most_probable_allowed_token_is_taken(seed, by_row):
    logits = draw(seed=seed)
    allowed = draw_allowed((ROWS, SYMBOLS) if by_row else (SYMBOLS,), seed)
    tokens, log_probs = choose_tokens(logits.clone(), allowed, None, Decoding())
    for row, values in enumerate(logits.double().tolist()):
        may = (allowed[row] if by_row else allowed).tolist()
        best = max((x for x in range(SYMBOLS) if may[x]), key=values.__getitem__)
        assert tokens[row] == best
        # Among all tokens, allowed or not.
        total = np.log(np.exp(values).sum())
        assert log_probs[row].item() == pytest.approx(values[best] - total, abs=1e-5)


@pytest.mark.parametrize(
    "decoding", [Decoding(1), Decoding(0), Decoding(5), Decoding(3, 0.1)], ids=str
)
def test_of_one_allowed_token_that_is_taken(decoding):
    logits = draw()
    only = torch.tensor([0, 29, 5, 5, 17, 1, 28])
    allowed = torch.nn.functional.one_hot(only, SYMBOLS).bool()
    log_probs = logits.log_softmax(-1).gather(1, only[:, None])[:, 0]
    for uniform in (0.0, 0.4, 1 - 2**-53):
        uniforms = torch.full((ROWS,), uniform, dtype=torch.double)
        tokens, found = choose_tokens(logits.clone(), allowed, uniforms, decoding)
        assert tokens.tolist() == only.tolist()
        assert torch.allclose(found, log_probs, atol=1e-5)


def naive_sample(values, may, uniform, topk, temperature):
    order = [x for x in range(len(values)) if may[x]]
    if topk:
        order = sorted(order, key=lambda x: -values[x])[:topk]
    top = max(values[x] for x in order)
    weights = [np.exp((values[x] - top) / temperature) for x in order]
    bounds = np.cumsum(weights) / sum(weights)
    place = next(i for i, bound in enumerate(bounds) if bound > uniform)
    return order[place], np.abs(bounds - uniform).min()


@given(
    seed=st.integers(0, 999),
    topk=st.sampled_from([0, 2, 5, 100]),
    temperature=st.sampled_from([1e-3, 0.3, 1.0, 2.5]),
    by_row=st.booleans(),
)
def test_sampling_inverts_the_cumulated_probabilities(seed, topk, temperature, by_row):
    logits = draw(seed=seed)
    allowed = draw_allowed((ROWS, SYMBOLS) if by_row else (SYMBOLS,), seed)
    uniforms = torch.rand(
        ROWS, dtype=torch.double, generator=torch.Generator().manual_seed(seed)
    )
    decoding = Decoding(topk, temperature)
    tokens, log_probs = choose_tokens(logits.clone(), allowed, uniforms, decoding)
    expected = logits.double().log_softmax(-1)
    compared = 0
    for row, values in enumerate(logits.double().tolist()):
        may = (allowed[row] if by_row else allowed).tolist()
        token, margin = naive_sample(
            values, may, uniforms[row].item(), topk, temperature
        )
        if margin > 1e-5:
            assert tokens[row] == token
            compared += 1
        # The temperature is for the choice alone.
        found = log_probs[row].item()
        assert found == pytest.approx(expected[row, tokens[row]].item(), abs=1e-5)
    assert compared >= ROWS - 1


@pytest.mark.parametrize("topk", [0, 4, 30, 99])
def test_uniform_numbers_near_0_and_1_take_the_first_and_the_last_candidate(topk):
    # What stands first and last in the vocabulary may not be taken.
    allowed = torch.zeros(SYMBOLS, dtype=torch.bool)
    allowed[3:20] = True
    for seed in range(20):
        logits = draw(rows=2, seed=seed)
        order = range(3, 20)
        if topk:
            values = logits[0].tolist()
            order = sorted(order, key=lambda x: -values[x])[:topk]
        logits[1] = logits[0]
        uniforms = torch.tensor([0.0, 1 - 2**-53], dtype=torch.double)
        tokens, log_probs = choose_tokens(logits, allowed, uniforms, Decoding(topk))
        assert tokens.tolist() == [order[0], order[-1]]
        assert torch.isfinite(log_probs).all()


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(0), Decoding(3)], ids=str)
def test_lower_precision_is_summed_in_single_precision(decoding):
    logits = draw(symbols=3000, scale=0.01).bfloat16()
    uniforms = torch.full((ROWS,), 0.5, dtype=torch.double)
    allowed = torch.ones(3000, dtype=torch.bool)
    expected = choose_tokens(logits.double().float(), allowed, uniforms, decoding)
    tokens, log_probs = choose_tokens(logits, allowed, uniforms, decoding)
    assert tokens.tolist() == expected[0].tolist()
    assert log_probs.dtype == torch.float32
    assert torch.allclose(log_probs, expected[1], atol=1e-6)


def options(sampling=False, topk=-1, topp=-1.0, temperature=1.0):
    return SimpleNamespace(
        sampling=sampling,
        sampling_topk=topk,
        sampling_topp=topp,
        temperature=temperature,
    )


@pytest.mark.parametrize(
    "given_options, expected",
    [
        ({}, Decoding(1, 1.0)),
        ({"sampling": True}, Decoding(0, 1.0)),
        ({"temperature": 0.5}, Decoding(0, 0.5)),
        ({"sampling": True, "temperature": 2.0}, Decoding(0, 2.0)),
        ({"topk": 5}, Decoding(5, 1.0)),
        ({"sampling": True, "topk": 5, "temperature": 0.7}, Decoding(5, 0.7)),
        ({"topk": 1, "temperature": 0.7}, Decoding(1, 0.7)),
        ({"topk": 0}, Decoding(1, 1.0)),
    ],
)
def test_fairseqs_options_say_how_to_choose(given_options, expected):
    assert read_decoding(options(**given_options)) == expected


@pytest.mark.parametrize(
    "given_options, message",
    [
        ({"topp": 0.9}, "--sampling-topp: .*--sampling-topk"),
        ({"temperature": 0.0}, "--temperature 0: give a value above 0"),
        ({"temperature": -1.0}, "--temperature -1: give a value above 0"),
    ],
)
def test_values_that_cannot_be_are_refused(given_options, message):
    with refused(f"^{message}"):
        read_decoding(options(**given_options))
