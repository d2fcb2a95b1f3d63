"""Words' states from those of their pieces, against loops in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.models.word_pooling import first_piece, mean_of_pieces

# Numbers of pieces of each word, sentence by sentence.
SENTENCES = st.lists(
    st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=4
).filter(any)


def lay_out(sentences, extra_width=0, extra_words=0, seed=0):
    """Features of ``<s> pieces </s>`` with padding; starts; counted tokens."""
    width = max(sum(sizes) for sizes in sentences) + 2 + extra_width
    words = max(len(sizes) for sizes in sentences) + extra_words
    features = torch.zeros(len(sentences), width, 3)
    starts = torch.full((len(sentences), words), -1)
    counted = torch.zeros(len(sentences), width, dtype=torch.bool)
    for row, sizes in enumerate(sentences):
        generator = torch.Generator().manual_seed(seed + row)
        real = sum(sizes) + 2
        features[row, :real] = torch.randn(real, 3, generator=generator)
        features[row, real:] = 1e6  # what stands at padding must not matter
        counted[row, 1 : real - 1] = True
        for word in range(len(sizes)):
            starts[row, word] = 1 + sum(sizes[:word])
    return features, starts, counted


def pieces_of(features, sizes, word):
    begin = 1 + sum(sizes[:word])
    return features[begin : begin + sizes[word]].double().tolist()


@given(sentences=SENTENCES, extra=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_first_piece_is_that_of_a_loop(sentences, extra):
    features, starts, _ = lay_out(sentences, *extra)
    got = first_piece(features, starts)
    assert got.shape == (*starts.shape, 3)
    for row, sizes in enumerate(sentences):
        for word in range(len(sizes)):
            assert got[row, word].tolist() == pieces_of(features[row], sizes, word)[0]


@given(sentences=SENTENCES, extra=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_mean_of_pieces_is_that_of_a_loop_and_zero_without_word(sentences, extra):
    features, starts, counted = lay_out(sentences, *extra)
    got = mean_of_pieces(features, starts, counted)
    assert got.shape == (*starts.shape, 3)
    for row, sizes in enumerate(sentences):
        for word in range(len(sizes)):
            pieces = pieces_of(features[row], sizes, word)
            want = [sum(column) / len(pieces) for column in zip(*pieces)]
            assert got[row, word].tolist() == pytest.approx(want, rel=1e-5, abs=1e-6)
        assert got[row, len(sizes) :].abs().sum() == 0


@pytest.mark.parametrize("pool", ["first", "mean"])
@given(sentences=SENTENCES)
def test_companions_and_padding_do_not_change_words(pool, sentences):
    features, starts, counted = lay_out(sentences, extra_width=2, extra_words=1)
    arguments = (features, starts) + ((counted,) if pool == "mean" else ())
    function = mean_of_pieces if pool == "mean" else first_piece
    together = function(*arguments)
    for row, sizes in enumerate(sentences):
        if not sizes:
            continue
        alone = lay_out([sizes], seed=row)
        got = function(*alone[: len(arguments)])[0]
        assert torch.equal(got, together[row, : len(sizes)])


def test_last_word_ends_before_the_specials_and_tokens_before_the_first_are_left_out():
    # <s> x </s> </s> [a a] [b] </s> </s> <pad>: x belongs to no word.
    features = torch.tensor([float(2**i) for i in range(10)]).view(1, 10, 1)
    counted = torch.tensor([[0, 1, 0, 0, 1, 1, 1, 0, 0, 0]]).bool()
    starts = torch.tensor([[4, 6, -1]])
    got = mean_of_pieces(features, starts, counted)
    assert got.flatten().tolist() == [24.0, 64.0, 0.0]
    assert first_piece(features, starts)[0, :2].flatten().tolist() == [16.0, 64.0]


def test_pooling_has_right_gradients():
    features, starts, counted = lay_out([[1, 3], [2], [4, 1, 1]], 1, 1)
    features = features.clamp(max=5).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: mean_of_pieces(x, starts, counted), features
    )
    real = starts.ge(0).unsqueeze(-1)
    assert torch.autograd.gradcheck(lambda x: first_piece(x, starts) * real, features)


def test_means_in_half_precision_are_summed_in_fp32():
    # In fp16, 2048 + 1 is 2048.
    features = torch.tensor([0.0, 2048.0, 1.0, 1.0, 1.0, 0.0]).view(1, 6, 1).half()
    counted = torch.tensor([[0, 1, 1, 1, 1, 0]]).bool()
    got = mean_of_pieces(features, torch.tensor([[1]]), counted)
    assert got.dtype == torch.half and got.item() == torch.tensor(2051 / 4).half()
