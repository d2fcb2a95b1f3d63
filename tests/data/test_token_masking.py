"""Which tokens are masked, how often, and what becomes of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parallel_data import words_dictionary
from refusals import refused

from fairseq_xling.data.token_masking import TokenMasker

DICTIONARY = words_dictionary()
MASK = DICTIONARY.index("<mask>")


@given(
    st.lists(st.integers(2, 63), max_size=40),
    st.floats(0.05, 0.95),
    st.integers(0, 1000),
)
def test_targets_are_the_chosen_tokens_and_specials_stay(words, share, seed):
    tokens = np.array([0, *words, 2])
    masker = TokenMasker(DICTIONARY, share)
    changed, targets = masker(tokens, np.random.default_rng(seed))
    chosen = targets != 1
    assert (targets[chosen] == tokens[chosen]).all()
    assert (changed[~chosen] == tokens[~chosen]).all()
    assert not chosen[(tokens == 0) | (tokens == 2)].any()
    # </s> also stands within a sequence: it is no word to be counted either.
    expected = share * (tokens > 2).sum()
    assert int(expected) <= chosen.sum() <= int(expected) + 1
    assert ((changed[chosen] >= 4) | (changed[chosen] == tokens[chosen])).all()


def test_shares_are_those_asked_for():
    masker = TokenMasker(DICTIONARY, 0.15, 0.1, 0.1)
    generator = np.random.default_rng(0)
    counts = {"chosen": 0, "mask": 0, "kept": 0, "random": 0}
    tokens = np.array([0, *range(4, 64), 2])
    places = np.zeros(len(tokens))
    rounds = 3000
    for _ in range(rounds):
        changed, targets = masker(tokens, generator)
        chosen = targets != 1
        places += chosen
        counts["chosen"] += chosen.sum()
        counts["mask"] += (changed[chosen] == MASK).sum()
        counts["kept"] += (changed[chosen] == tokens[chosen]).sum()
    total = counts["chosen"]
    assert total / (60 * rounds) == pytest.approx(0.15, abs=0.001)
    assert counts["mask"] / total == pytest.approx(0.8, abs=0.01)
    # A random token is in one of 60 cases the one that was there.
    assert counts["kept"] / total == pytest.approx(0.1 + 0.1 / 60, abs=0.01)
    assert places[1:-1] / rounds == pytest.approx(0.15 * np.ones(60), abs=0.035)


def test_short_sequences_get_their_share_on_average():
    masker = TokenMasker(DICTIONARY, 0.15)
    generator = np.random.default_rng(1)
    drawn = [masker(np.array([0, 9, 9, 2]), generator)[1] for _ in range(4000)]
    assert np.mean([(one != 1).sum() for one in drawn]) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("shares", [(0, 0.1, 0.1), (1, 0, 0), (0.1, 0.6, 0.5)])
def test_impossible_shares_are_refused(shares):
    with refused("give (a share|shares)"):
        TokenMasker(DICTIONARY, *shares)
