"""Encoding of pairs and words against loops, and streams against fairseq's builder."""

import numpy as np
import pytest
import torch
from binarized import naive_words
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDatasetBuilder
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from fairseq_xling.data.binarize import StreamWriter, TextEncoder

# Whitespace that the tiny model does not know would be lost on the way through text
# files, which split at it; everything else must come out the same.
TEXTS = st.text(
    st.sampled_from(
        "the dogcatabc .,\"'läufßсобакик狗猫跑\u00a0\u3000\u2028😀<>/s\u0301"
    ),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip())
PAIRS = st.lists(st.one_of(st.none(), st.tuples(TEXTS, TEXTS)), max_size=6)
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


def usual_ids(processor, dictionary, text):
    line = " ".join(processor.encode(text, out_type=str))
    return dictionary.encode_line(
        line, append_eos=False, add_if_not_exist=False
    ).tolist()


@given(pairs=PAIRS)
def test_ids_are_those_of_the_usual_chain(spm, dictionary, encoder, pairs):
    tokens, lengths = encoder.pairs(pairs)
    want = []
    for pair in pairs:
        if pair is None:
            want.append([])
            continue
        first, second = (usual_ids(spm.processor, dictionary, text) for text in pair)
        want.append([0, *first, 2, 2, *second, 2])
    assert lengths.tolist() == [len(row) for row in want]
    assert tokens.tolist() == [token for row in want for token in row]


def test_number_of_threads_does_not_matter(spm, dictionary, encoder):
    threaded = TextEncoder(spm.model, dictionary, threads=3)
    pairs = [("the dog", "狗 猫"), None, ("der Hund läuft", "x")] * 50
    words = [["the", "dog"], None, ["狗", "\u200b", "läuft"]] * 50
    both = [[one.pairs(pairs), *one.words(words)] for one in (encoder, threaded)]
    for ours, theirs in zip(*both):
        assert np.array_equal(ours.values, theirs.values)
        assert np.array_equal(ours.lengths, theirs.lengths)


def test_unknown_pieces_are_counted(spm, dictionary):
    encoder = TextEncoder(spm.model, dictionary)
    encoder.pairs([("😀", "the dog")])
    assert encoder.unknown == 1
    assert encoder.tokens == 2 + len(spm.processor.encode("the dog"))


def test_dictionary_that_lacks_most_pieces_is_refused(spm):
    with refused("pieces are not in the dictionary"):
        TextEncoder(spm.model, Dictionary())


@pytest.mark.parametrize("vocabulary", [100, 250002])
@given(rows=st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=9))
def test_stream_has_the_bytes_of_fairseqs_builder(tmp_path_factory, vocabulary, rows):
    folder = tmp_path_factory.mktemp("streams")
    writer = StreamWriter(str(folder / "ours"), vocabulary)
    for start in range(0, len(rows), 4):
        chunk = rows[start : start + 4]
        flat = np.array([token for row in chunk for token in row], np.int64)
        writer.write(flat, np.array([len(row) for row in chunk], np.int64))
    writer.close()
    builder = MMapIndexedDatasetBuilder(str(folder / "theirs.bin"), writer.dtype)
    for row in rows:
        builder.add_item(torch.tensor(row, dtype=torch.long))
    builder.finalize(str(folder / "theirs.idx"))
    for end in ("bin", "idx"):
        ours, theirs = folder / f"ours.{end}", folder / f"theirs.{end}"
        assert ours.read_bytes() == theirs.read_bytes()


def cut(found):
    """Sequences of a concatenation; nothing may be left over."""
    assert found.lengths.sum() == len(found.values)
    return [part.tolist() for part in found.split()]


@given(sentences=SENTENCES)
def test_tokens_and_starts_are_those_of_a_loop(spm, dictionary, encoder, sentences):
    found, begins = encoder.words(sentences)
    want = [
        ([0, 2], []) if words == [] else naive_words(spm, words) for words in sentences
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
