"""SentencePiece models that treat spaces in a way of their own, as Hugging Face's."""

import itertools
import random
from pathlib import Path

import pytest
import sentencepiece
import tokenizers
from raw_data import WORDS, sentence
from refusals import refused
from small_spm import train_spm

from fairseq_xling.interop.tokenizer_export import give_fast_xlmr
from fairseq_xling.interop.tokenizer_files import take_tokenizer

GENERATOR = random.Random(0)
LINES = [sentence(GENERATOR, lang) for lang in WORDS for _ in range(60)]
SPACED = ["", "x", " x", "x ", "  two  spaces   here ", "a\u3000b  c", "  ".join(LINES)]


@pytest.mark.parametrize(
    "adds, trims", itertools.product((True, False), repeat=2), ids=str
)
def test_fast_tokenizer_cuts_as_sentencepiece_and_is_made_it_again(
    tmp_path, adds, trims
):
    options = {"add_dummy_prefix": adds, "remove_extra_whitespaces": trims}
    trained = train_spm(tmp_path, LINES, 120, **options)
    give_fast_xlmr(Path(trained.model), tmp_path)
    fast = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    (tmp_path / "again").mkdir()
    take_tokenizer(tmp_path, tmp_path / "again")
    again = sentencepiece.SentencePieceProcessor(
        str(tmp_path / "again/sentencepiece.bpe.model")
    )
    for text in [*LINES[:20], *SPACED]:
        want = trained.processor.encode(text, out_type=str)
        assert fast.encode(text, add_special_tokens=False).tokens == want, text
        assert again.encode(text, out_type=str) == want, text


def test_spaces_after_words_are_refused(tmp_path):
    trained = train_spm(tmp_path, LINES, 120, treat_whitespace_as_suffix=True)
    with refused("treat_whitespace_as_suffix.*cannot be conv"):
        give_fast_xlmr(Path(trained.model), tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
