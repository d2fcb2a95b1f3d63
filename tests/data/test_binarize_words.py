"""Encoding of words one by one against loops over SentencePiece's pieces."""

import numpy as np
import pytest
from fairseq.data import Dictionary
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.data.binarize import TextEncoder

# SentencePiece leaves nothing of the zero-width space, white space and U+FFFD.
EMPTY = ["\u200b", "\u3000", "\ufffd\u200b"]
WORDS = st.one_of(
    st.sampled_from([*EMPTY, "dog", "läuft", "собака", "狗", "New York", "😀"]),
    st.text(st.sampled_from("the dogKätzeсобак狗猫\u200b\u00a0#½ﬁ😀"), min_size=1),
)
SENTENCES = st.lists(st.one_of(st.none(), st.lists(WORDS, max_size=6)), max_size=6)


@pytest.fixture(scope="module")
def dictionary(spm):
    return Dictionary.load(spm.dictionary)


@pytest.fixture(scope="module")
def encoder(spm, dictionary):
    return TextEncoder(spm.model, dictionary)


def naive(processor, dictionary, words):
    tokens, starts = [dictionary.bos()], []
    for word in words:
        starts.append(len(tokens))
        pieces = processor.encode(word, out_type=str)
        tokens += [dictionary.index(piece) for piece in pieces] or [dictionary.unk()]
    return [*tokens, dictionary.eos()], starts


def cut(found):
    """Sequences of a concatenation; nothing may be left over."""
    assert found.lengths.sum() == len(found.values)
    return [part.tolist() for part in found.split()]


@given(sentences=SENTENCES)
def test_tokens_and_starts_are_those_of_a_loop(spm, dictionary, encoder, sentences):
    found, begins = encoder.words(sentences)
    want = [
        ([], []) if words is None else naive(spm.processor, dictionary, words)
        for words in sentences
    ]
    assert cut(found) == [tokens for tokens, _ in want]
    assert cut(begins) == [starts for _, starts in want]


@given(sentences=SENTENCES)
def test_every_word_has_a_place_and_its_pieces_behind_it(
    spm, dictionary, encoder, sentences
):
    found, begins = encoder.words(sentences)
    assert begins.lengths.tolist() == [len(words or ()) for words in sentences]
    for words, tokens, starts in zip(sentences, cut(found), cut(begins)):
        if words is None:
            assert tokens == []
            continue
        ends = [*starts[1:], len(tokens) - 1]
        assert starts[:1] in ([], [1])
        for word, start, end in zip(words, starts, ends):
            assert start < end
            pieces = spm.processor.encode(word, out_type=str) or ["<unk>"]
            assert tokens[start:end] == [dictionary.index(piece) for piece in pieces]


@pytest.mark.parametrize("word", EMPTY)
def test_word_of_which_nothing_is_left_is_one_unknown_token(
    spm, dictionary, encoder, word
):
    assert spm.processor.encode(word) == []
    assert encoder.is_blank(word)
    found, _ = encoder.words([["the", word, "dog"], [word], [word, word]])
    the, dog = (spm.processor.encode(x, out_type=str) for x in ("the", "dog"))
    unknown = dictionary.unk()
    first, second, third = cut(found)
    assert [dictionary[token] for token in first[1:-1]] == [*the, "<unk>", *dog]
    assert (second, third) == ([0, unknown, 2], [0, unknown, unknown, 2])


def test_nothing_to_encode_gives_nothing(encoder):
    for sentences in ([], [None, None]):
        for found in encoder.words(sentences):
            assert len(found.values) == 0
            assert found.lengths.tolist() == [0] * len(sentences)


def test_number_of_threads_does_not_matter(spm, dictionary, encoder):
    sentences = [["the", "dog"], None, ["狗", "\u200b", "läuft"]] * 50
    threaded = TextEncoder(spm.model, dictionary, threads=3).words(sentences)
    for ours, theirs in zip(encoder.words(sentences), threaded):
        assert np.array_equal(ours.values, theirs.values)
        assert np.array_equal(ours.lengths, theirs.lengths)
