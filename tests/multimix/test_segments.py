"""Text of sentence pairs, with its two sentences apart."""

import pytest
import torch
from augment_data import draw_pairs, write_pairs
from lm_data import BEGIN

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.segments import SegmentDecoder, SegmentDictionary
from fairseq_xling.tasks.multimix_augment import (
    MultiMixAugmentConfig,
    MultiMixAugmentTask,
)

SYMBOLS = ["_a", "b", "_c", "d"]
A, B, C, D = range(4, 8)


def segment_dictionary():
    dictionary = SegmentDictionary()
    for symbol in SYMBOLS:
        dictionary.add_symbol(symbol.replace("_", BEGIN))
    return dictionary


PAIRS = [
    ([0, A, B, 2, 2, C, 2], "_a b </s> _c"),
    ([0, 2, 2, C, D, 2], " </s> _c d"),
    ([0, A, 2, 2, 2], "_a </s> "),
    ([0, 2, 2, 2], " </s> "),
    ([0, A, B, 2], "_a b"),
    ([0, 2], ""),
    ([A, B], "_a b"),
    ([], ""),
    ([0, A, 3, 2, 2, B, 2], "_a <unk> </s> b"),
]


@pytest.mark.parametrize("make", [torch.tensor, list], ids=["tensor", "list"])
@pytest.mark.parametrize("tokens, text", PAIRS)
def test_the_sentences_of_a_pair_stay_apart(tokens, text, make):
    expected = text.replace("_", BEGIN)
    assert segment_dictionary().string(make(tokens)) == expected


def test_a_batch_is_written_line_by_line():
    rows = torch.tensor([[0, A, 2, 2, B, 2], [0, A, B, C, D, 2]])
    text = segment_dictionary().string(rows).replace(BEGIN, "_")
    assert text == "_a </s> b\n_a b _c d"


def test_fairseqs_options_of_string_are_kept():
    dictionary = segment_dictionary()
    tokens = torch.tensor([0, A, B, 2, 2, C, 3, 2])
    joined = dictionary.string(tokens, "sentencepiece", unk_string="?")
    assert joined == "ab </s> c?"
    assert dictionary.string(tokens, bpe_symbol="sentencepiece") == "ab </s> c<unk>"
    ignored = dictionary.string(tokens, extra_symbols_to_ignore={B})
    assert ignored.replace(BEGIN, "_") == "_a </s> _c <unk>"


def test_decoded_sentences_are_apart_by_a_tab(spm):
    decoder = SegmentDecoder(spm.model)
    sentences = ["the dog runs", "собака спит", "狗跑"]
    pieces = [" ".join(spm.processor.encode(x, out_type=str)) for x in sentences]
    assert [decoder.decode(encoded) for encoded in pieces] == sentences
    assert decoder.decode(f"{pieces[0]} </s> {pieces[1]}") == "\t".join(sentences[:2])
    assert decoder.decode(f" </s> {pieces[2]}") == "\t狗跑"
    assert decoder.decode(f"{pieces[2]} </s> ") == "狗跑\t"
    assert decoder.decode(" </s> ") == "\t"
    assert decoder.decode("") == ""


def test_what_the_dictionary_writes_the_decoder_reads(spm):
    dictionary = SegmentDictionary.load(spm.dictionary)
    decoder = SegmentDecoder(spm.model)
    sentences = ["the cat sleeps in the house", "der Hund läuft"]
    ids = [
        [dictionary.index(piece) for piece in spm.processor.encode(x, out_type=str)]
        for x in sentences
    ]
    assert all(3 not in x for x in ids)
    tokens = torch.tensor([0, *ids[0], 2, 2, *ids[1], 2])
    assert decoder.decode(dictionary.string(tokens)) == "\t".join(sentences)


def test_what_is_no_sentencepiece_model_is_refused(tmp_path):
    (tmp_path / "text").write_text("no model")
    for name in ("text", "missing"):
        path = str(tmp_path / name)
        with pytest.raises(UserError) as caught:
            SegmentDecoder(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: not a SentencePiece model")
        assert "\n" not in message


def test_joined_pieces_are_not_decoded_again(spm, tmp_path):
    pairs = {"train": {"en": draw_pairs("en", 1)}}
    options = {"data": str(write_pairs(tmp_path / "data", spm, pairs)), "path": None}
    options.update(gen_subset="train", seed=1, shards=1, shard=0)
    for joins in (None, "sentencepiece"):
        cfg = MultiMixAugmentConfig(post_process=joins, **options)
        decoder = MultiMixAugmentTask.setup_task(cfg).build_bpe(None)
        assert (decoder is None) == (joins is not None)
