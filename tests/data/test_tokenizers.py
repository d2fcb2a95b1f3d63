"""Both tokenizers give Hugging Face's ids; a pair's form is the backbone's."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from fairseq.data import Dictionary
from hf_tokenizers import xlmr_tokenizer
from mbert_data import write_wordpiece
from question_data import covered_text
from real_files import DATA, needs
from refusals import refused
from script_text import SCRIPTS, TROUBLE, script_lines
from small_spm import train_spm
from transformers import BertTokenizer, BertTokenizerFast

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import find_tokenizer, open_tokenizer
from fairseq_xling.families.questions.encode import QuestionEncoder
from fairseq_xling.families.questions.raw import Question
from fairseq_xling.interop.vocabulary import BERT_NAMES


@pytest.fixture(scope="module")
def xlmr(tmp_path_factory):
    """A SentencePiece model of ten scripts, with its dictionary."""
    folder = tmp_path_factory.mktemp("xlmr")
    name = "sentencepiece.bpe.model"
    train_spm(folder, script_lines(3000), 600, name, character_coverage=0.999)
    return folder


@pytest.fixture(scope="module")
def mbert(tmp_path_factory):
    """A WordPiece vocabulary with what BERT's has, and its dictionary."""
    return write_wordpiece(tmp_path_factory.mktemp("mbert"), script_lines(3000), 700)


# Characters that no piece has, alone and in words.
UNSEEN = ["the ꙮ dog", "ꙮa aꙮ ༄༄"]


def encoder_of(folder, kind=TextEncoder):
    dictionary = load_dictionary(str(folder / "dict.txt"))
    return kind(str(find_tokenizer(folder)), dictionary)


def split(found):
    tokens, counts = found
    return [part.tolist() for part in np.split(tokens, np.cumsum(counts)[:-1])]


def test_sentencepiece_ids_are_those_of_hugging_face(xlmr):
    theirs = xlmr_tokenizer(xlmr / "sentencepiece.bpe.model")
    encoder = encoder_of(xlmr)
    assert len(encoder.dictionary) == len(theirs)
    assert encoder.dictionary.index("<mask>") == theirs.mask_token_id
    lines = script_lines(1000, seed=1) + UNSEEN
    for line, ids in zip(lines, split(encoder.encode_texts(lines))):
        assert ids == theirs(line, add_special_tokens=False)["input_ids"], line
    assert 0 < encoder.unknown < encoder.tokens / 10


def test_sentencepiece_pairs_are_those_of_hugging_face(xlmr):
    theirs = xlmr_tokenizer(xlmr / "sentencepiece.bpe.model")
    lines = script_lines(200, seed=2)
    pairs = list(zip(lines[::2], lines[1::2]))
    ours = split(encoder_of(xlmr).pairs(pairs))
    assert ours == [theirs(*pair)["input_ids"] for pair in pairs]


@pytest.mark.parametrize("kind", [BertTokenizer, BertTokenizerFast])
def test_wordpieces_are_those_of_hugging_face(mbert, kind):
    theirs = kind(str(mbert / "vocab.txt"), do_lower_case=False)
    # The one in Python composes letters and accents first, which BERT itself does not.
    form = "NFC" if kind is BertTokenizer else None
    encoder = encoder_of(mbert)
    lines = script_lines(1000, seed=1) + UNSEEN
    lines = [unicodedata.normalize(form, x) if form else x for x in lines]
    for line, ids in zip(lines, split(encoder.encode_texts(lines))):
        expected = [BERT_NAMES.get(piece, piece) for piece in theirs.tokenize(line)]
        assert [encoder.dictionary[i] for i in ids] == expected, line
    assert 0 < encoder.unknown < encoder.tokens / 10


def test_wordpiece_pairs_have_one_separator(mbert):
    theirs = BertTokenizerFast(str(mbert / "vocab.txt"), do_lower_case=False)
    lines = script_lines(200, seed=2)
    pairs = [None, *zip(lines[::2], lines[1::2])]
    encoder = encoder_of(mbert)
    ours = split(encoder.pairs(pairs))
    assert ours[0] == []
    for pair, ids in zip(pairs[1:], ours[1:]):
        pieces = theirs.convert_ids_to_tokens(theirs(*pair)["input_ids"])
        assert [encoder.dictionary[i] for i in ids] == [
            BERT_NAMES.get(piece, piece) for piece in pieces
        ]


def test_names_of_special_tokens_in_text_are_text(mbert):
    (ids,) = split(encoder_of(mbert).encode_texts(["[SEP] [CLS] [MASK] [PAD]"]))
    assert not {0, 1, 2, len(load_dictionary(str(mbert / "dict.txt"))) - 1} & set(ids)


def test_every_word_keeps_a_place(mbert, xlmr):
    sentences = [["e\u0301", "\u200b", "don't"], [*SCRIPTS["Thai"]], [*TROUBLE]]
    for folder in (mbert, xlmr):
        tokens, starts = encoder_of(folder).words(sentences)
        assert starts.lengths.tolist() == [len(words) for words in sentences]
        for begins, length in zip(starts.split(), tokens.lengths):
            assert (np.diff(begins) > 0).all() and begins[0] == 1
            assert begins[-1] < length - 1


def test_answers_are_found_again_in_wordpieces(mbert):
    encoder = encoder_of(mbert, QuestionEncoder)
    for line in script_lines(300, seed=3):
        words = line.split()
        answer = words[len(words) // 2]
        start = line.index(answer)
        row = Question("1", "the ?", line, [(answer, start)], 1, Path("x"))
        found = encoder.encode({"input": [row]}, ["input", "span", "offsets"])
        tokens = found["input"].values.tolist()
        assert tokens.count(2) == 2 and tokens[-1] == 2
        before = tokens.index(2) + 1
        if len(found["span"].values):
            first, last = found["span"].values - before
            (context,) = encoder.encode_contexts([line])
            found = covered_text(line, context, first, last)
            assert answer.strip() in found or found in answer


def test_decoded_wordpieces_have_a_space_before_words(mbert):
    tokenizer = open_tokenizer(str(mbert / "tokenizer.json"))
    assert tokenizer.decode(["the", "do", "##g", "##s", ","]) == "the dogs ,"
    assert tokenizer.decode(["##g", "s"]) == "g s"
    assert tokenizer.decode([]) == ""
    text = "the Quick don ' t"
    assert tokenizer.decode(tokenizer.tokenize(text)) == text


def test_what_is_no_tokenizer_is_refused_in_one_line(tmp_path, xlmr):
    (tmp_path / "tokenizer.json").write_text("{}")
    unigram = tokenizers.Tokenizer(tokenizers.models.Unigram([("<unk>", 0.0)], 0))
    unigram.save(str(tmp_path / "unigram.json"))
    for name, message in (
        ("tokenizer.json", "tokenizer.json: not a tokenizer.json"),
        ("missing.json", "missing.json: No such file"),
        ("unigram.json", "unigram.json: not a WordPiece tokenizer"),
        ("missing", "missing: not a SentencePiece model"),
    ):
        with refused(message):
            open_tokenizer(str(tmp_path / name))
    with refused("neither sentencepiece.bpe.model nor"):
        find_tokenizer(tmp_path / "nothing")
    with refused("of its pieces are not in the dictionary"):
        TextEncoder(str(xlmr / "sentencepiece.bpe.model"), Dictionary())


@needs("parallel/ntrex")
def test_real_text_has_hugging_faces_ids(xlmr, mbert):
    sp = xlmr_tokenizer(xlmr / "sentencepiece.bpe.model")
    wp = BertTokenizerFast(str(mbert / "vocab.txt"), do_lower_case=False)
    files = sorted((DATA / "parallel/ntrex").glob("*"))
    lines = []
    for path in files:
        lines += path.read_text(encoding="utf-8").splitlines()[:100]
    ours = split(encoder_of(xlmr).encode_texts(lines))
    assert ours == [sp(x, add_special_tokens=False)["input_ids"] for x in lines]
    encoder = encoder_of(mbert)
    for line, ids in zip(lines, split(encoder.encode_texts(lines))):
        expected = [BERT_NAMES.get(piece, piece) for piece in wp.tokenize(line)]
        assert [encoder.dictionary[i] for i in ids] == expected, line
    print(f"{len(lines)} lines of {len(files)} files")
