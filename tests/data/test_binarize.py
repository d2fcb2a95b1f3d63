"""Encoding of pairs against the usual chain, and streams against fairseq's builder."""

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDatasetBuilder
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.data.binarize import StreamWriter, TextEncoder
from fairseq_xling.errors import UserError

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
    pairs = [("the dog", "狗 猫"), None, ("der Hund läuft", "x")] * 50
    threaded = TextEncoder(spm.model, dictionary, threads=3).pairs(pairs)
    for ours, theirs in zip(encoder.pairs(pairs), threaded):
        assert np.array_equal(ours, theirs)


def test_unknown_pieces_are_counted(spm, dictionary):
    encoder = TextEncoder(spm.model, dictionary)
    encoder.pairs([("😀", "the dog")])
    assert encoder.unknown == 1
    assert encoder.tokens == 2 + len(spm.processor.encode("the dog"))


def test_dictionary_that_lacks_most_pieces_is_refused(spm):
    with pytest.raises(UserError, match="pieces are not in the dictionary"):
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
