"""xling-retokenize: text stays, pieces change, labels go along."""

import shutil

import numpy as np
import pytest
from augment_data import draw_pairs, draw_words, write_pairs, write_sentences
from mbert_data import write_wordpiece
from question_data import write_question_data
from raw_data import WORDS
from refusals import refused

from fairseq_xling.cli import retokenize
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.tokenizers import find_tokenizer
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.preprocessing.retokenize import Reader

LANGS = ("en", "de", "ru", "zh")


@pytest.fixture(scope="module")
def mbert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mbert")
    return write_wordpiece(folder, [" ".join(words) for words in WORDS.values()], 150)


def run(data, model, out):
    files = [
        f"--tokenizer={find_tokenizer(model)}",
        f"--dict={model}/dict.txt",
    ]
    given = [str(data), *files, f"--destdir={out}"]
    retokenize.main(retokenize.build_parser().parse_args(given))
    return Manifest.load(out)


def snapshot(folder, streams):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name.split(".")[-2] in streams
    }


def test_pairs_are_the_same_text(spm, mbert, tmp_path):
    splits = {s: {x: draw_pairs(x, 20, i) for x in LANGS}
              for i, s in enumerate(("train", "test"))}  # fmt: skip
    data = write_pairs(tmp_path / "bin", spm, splits)
    manifest = run(data, mbert, tmp_path / "out")
    assert manifest.tokenizer == "wordpiece" and manifest.task == "xnli"
    assert manifest.splits == Manifest.load(data).splits
    assert manifest.dictionary_sha256 == sha256_of(mbert / "dict.txt")
    reader = Reader(tmp_path / "out", manifest)
    assert manifest.dictionary_size == len(reader.dictionary)
    for split, by_lang in splits.items():
        for lang, pairs in by_lang.items():
            rows = [x.tolist() for x in reader.open((split, lang), "input")]
            for tokens, pair in zip(rows, pairs):
                assert tokens[0] == 0 and tokens.count(2) == 2 and tokens[-1] == 2
                # WordPiece puts spaces around Chinese characters.
                found = reader.pair(np.array(tokens))
                joined = ["".join(x.split()) for x in (*found, *pair)]
                assert joined[:2] == joined[2:]
    assert snapshot(tmp_path / "out", {"label"}) == snapshot(data, {"label"})


def test_words_keep_their_places_and_tags(spm, mbert, tmp_path):
    sentences = {lang: draw_words(lang, 20) for lang in LANGS}
    data = write_sentences(tmp_path / "bin", spm, {"train": sentences})
    manifest = run(data, mbert, tmp_path / "out")
    reader = Reader(tmp_path / "out", manifest)
    for lang, expected in sentences.items():
        tokens, starts = (
            reader.open(("train", lang), stream) for stream in ("input", "word_starts")
        )
        found = [reader.words(tokens[i], starts[i]) for i in range(len(tokens))]
        assert found == expected
    assert snapshot(tmp_path / "out", {"tags"}) == snapshot(data, {"tags"})


def test_there_and_back_gives_the_same_pieces(spm, mbert, tmp_path):
    data = write_sentences(
        tmp_path / "bin", spm, {"train": {x: draw_words(x, 30) for x in LANGS}}
    )
    run(data, mbert, tmp_path / "there")
    back = run(tmp_path / "there", data, tmp_path / "back")
    assert back == Manifest.load(data)
    streams = {"input", "word_starts", "tags"}
    assert snapshot(tmp_path / "back", streams) == snapshot(data, streams)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda data, out: out.mkdir(),
            "out: is there already; give another --destdir",
        ),
        (lambda data, out: shutil.rmtree(data), "manifest.json: not found"),
        (
            lambda data, out: (data / "sentencepiece.bpe.model").unlink(),
            "neither sentencepiece.bpe.model nor tokenizer.json",
        ),
        (
            lambda data, out: (data / "dict.txt").write_bytes(b""),
            "dict.txt: 5 entries, but the data were binarized with",
        ),
        (
            lambda data, out: (data / "label.dict.txt").write_bytes(b""),
            "label.dict.txt: has no labels, but manifest.json",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(spm, mbert, tmp_path, spoil, message):
    data = write_pairs(tmp_path / "bin", spm, {"train": {"en": draw_pairs("en", 4)}})
    spoil(data, tmp_path / "out")
    with refused(message):
        run(data, mbert, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_questions_are_refused(mbert, tmp_path):
    data = write_question_data(tmp_path / "bin")
    with refused("whose answers have places in the text"):
        run(data, mbert, tmp_path / "out")
    assert not (tmp_path / "out").exists()
