"""Encoding of words one by one against loops over SentencePiece's pieces."""

import numpy as np
import pytest
from fairseq.data import Dictionary
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.families.tagging.encode import WordEncoder

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
    return WordEncoder(spm.model, dictionary)


def naive(processor, dictionary, words):
    tokens, starts, known = [dictionary.bos()], [], 0
    for word in words:
        starts.append(len(tokens))
        pieces = processor.encode(word, out_type=str)
        known += bool(pieces)
        tokens += [dictionary.index(piece) for piece in pieces] or [dictionary.unk()]
    return [*tokens, dictionary.eos()], starts, known


def cut(flat, lengths):
    """Sequences of a concatenation; nothing may be left over."""
    assert lengths.sum() == len(flat)
    return [part.tolist() for part in np.split(flat, np.cumsum(lengths))[:-1]]


@given(sentences=SENTENCES)
def test_tokens_and_starts_are_those_of_a_loop(spm, dictionary, encoder, sentences):
    encoded = encoder.encode(sentences)
    want = [
        ([], [], 0) if words is None else naive(spm.processor, dictionary, words)
        for words in sentences
    ]
    assert cut(encoded.tokens, encoded.lengths) == [tokens for tokens, _, _ in want]
    assert cut(encoded.starts, encoded.words) == [starts for _, starts, _ in want]
    assert encoded.known.tolist() == [known for _, _, known in want]


@given(sentences=SENTENCES)
def test_every_word_has_a_place_and_its_pieces_behind_it(
    spm, dictionary, encoder, sentences
):
    encoded = encoder.encode(sentences)
    assert encoded.words.tolist() == [len(words or ()) for words in sentences]
    rows = zip(sentences, cut(encoded.tokens, encoded.lengths))
    for (words, tokens), starts in zip(rows, cut(encoded.starts, encoded.words)):
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
    encoded = encoder.encode([["the", word, "dog"], [word], [word, word]])
    the, dog = (spm.processor.encode(x, out_type=str) for x in ("the", "dog"))
    unknown = dictionary.unk()
    first, second, third = cut(encoded.tokens, encoded.lengths)
    assert [dictionary[token] for token in first[1:-1]] == [*the, "<unk>", *dog]
    assert (second, third) == ([0, unknown, 2], [0, unknown, unknown, 2])
    assert encoded.known.tolist() == [2, 0, 0]


def test_nothing_to_encode_gives_nothing(encoder):
    for sentences in ([], [None, None]):
        encoded = encoder.encode(sentences)
        assert len(encoded.tokens) == len(encoded.starts) == 0
        assert (
            encoded.lengths.tolist() == encoded.words.tolist() == [0] * len(sentences)
        )


def test_number_of_threads_does_not_matter(spm, dictionary, encoder):
    sentences = [["the", "dog"], None, ["狗", "\u200b", "läuft"]] * 50
    threaded = WordEncoder(spm.model, dictionary, threads=3).encode(sentences)
    for ours, theirs in zip(encoder.encode(sentences), threaded):
        assert np.array_equal(ours, theirs)
