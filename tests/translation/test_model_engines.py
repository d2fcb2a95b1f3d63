"""Models of fairseq and of Hugging Face as engines."""

import shutil

import pytest
import torch
import transformers
from raw_data import write_rows
from refusals import refused
from translation_models import (
    demo_sentences,
    fairseq_generate,
    random_marian,
    train_fairseq,
)

from fairseq_xling.cli.translate import translate
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.opening import open_engine


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A fairseq model, its test set, and what fairseq-generate makes of that."""
    folder = tmp_path_factory.mktemp("models") / "en-qaa"
    test = train_fairseq(folder, updates=150)
    return folder, test, fairseq_generate(folder, beam=3)


def test_fairseq_translates_as_fairseq_generate_does(trained):
    folder, test, want = trained
    sentences = [source for source, _ in test]
    for options in ({"batch_size": 5}, {"max_tokens": 60}):
        engine = open_engine(
            f"fairseq:{folder}", "en", "qaa", EngineOptions(beam=3, cpu=True, **options)
        )
        assert engine.translate(sentences) == want
    # Most of it is right; the same in another order, and beside what is too long.
    gold = [target.split() for _, target in test]
    right = [x == y for a, b in zip(gold, want) for x, y in zip(a, b.split())]
    assert sum(right) > 0.8 * sum(map(len, gold))
    mixed = [*sentences[::-1], " ".join(sentences)]
    assert engine.translate(mixed) == [*want[::-1], ""]


def test_raw_folder_translated_by_fairseq(trained, tmp_path):
    folder, test, want = trained
    pairs = list(zip(test[::2], test[1::2]))
    rows = [[a[0], b[0], "neutral"] for a, b in pairs]
    write_rows(tmp_path / "raw/train-en.tsv", rows)
    write_rows(tmp_path / "raw/test-qaa.tsv", [["x", "y", "neutral"]])
    engine = ["--engine", f"fairseq:{folder.parent}/{{src}}-{{tgt}}", "--cpu"]
    argv = [str(tmp_path / "raw"), "--to", "qaa", "--beam", "3", *engine]
    translate([*argv, "--only", "translate-train"])
    path = tmp_path / "raw/translate-train/en-qaa-translated.tsv"
    found = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    assert [text for row in found for text in row[2:4]] == want
    # There is no model back.
    with refused("qaa-en: not found"):
        translate([*argv, "--only", "translate-test"])


def test_direction_that_a_fairseq_model_lacks(trained):
    folder, *_ = trained
    engine = open_engine(f"fairseq:{folder}", "qaa", "en", EngineOptions(cpu=True))
    with refused("it translates from en to qaa; give a model"):
        engine.translate(["a"])
    one, two = (
        open_engine(f"fairseq:{folder}", "en", "qaa", EngineOptions(beam=beam))
        for beam in (1, 2)
    )
    assert one.settings() != two.settings() and "model.pt" in one.settings()["sha256"]
    assert set(one.versions()) == {"fairseq-fixed", "torch"}


def test_fairseq_model_without_its_dictionary(trained, tmp_path):
    shutil.copy(trained[0] / "model.pt", tmp_path)
    engine = open_engine(f"fairseq:{tmp_path}", "en", "qaa", EngineOptions(cpu=True))
    with refused("cannot be loaded to translate.*dict.en.txt"):
        engine.translate(["a"])


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    return random_marian(tmp_path_factory.mktemp("hf") / "marian")


def test_marian_translates_as_its_pipeline_does(marian):
    sentences = [source for source, _ in demo_sentences(12, seed=2)]
    model = transformers.MarianMTModel.from_pretrained(marian).eval()
    tokenizer = transformers.MarianTokenizer.from_pretrained(marian)
    want = []
    for sentence in sentences:
        batch = tokenizer(sentence, return_tensors="pt")
        most = int(1.5 * batch["input_ids"].shape[1]) + 20
        with torch.no_grad():
            out = model.generate(**batch, num_beams=2, max_new_tokens=most)
        want.append(tokenizer.decode(out[0], skip_special_tokens=True))
    options = EngineOptions(beam=2, batch_size=1, cpu=True)
    engine = open_engine(f"hf:{marian}", "en", "qaa", options)
    assert engine.translate(sentences) == want and len(set(want)) > 1
    assert engine.translate([" ".join(sentences)]) == [""]
    assert {"model.safetensors", "vocab.json"} <= set(engine.settings()["sha256"])
    options = EngineOptions(beam=2, max_tokens=40, cpu=True)
    other = open_engine(f"hf:{marian}", "en", "qaa", options)
    assert len(other.translate(sentences)) == len(sentences)


class Tokenizer:
    """What is asked of one of several languages."""

    def __init__(self, tokens=(), prefixes=None):
        self.all_special_tokens = list(tokens)
        self.supported_language_codes = prefixes
        self.src_lang = "en" if tokens else None

    def convert_tokens_to_ids(self, token):
        return 100 + self.all_special_tokens.index(token)


@pytest.mark.parametrize(
    "tokenizer, told, source",
    [
        (Tokenizer(["__en__", "__es__"]), (101, ""), "en"),
        (Tokenizer(["eng_Latn", "spa_Latn"]), (101, ""), "eng_Latn"),
        (Tokenizer(prefixes=[">>fra<<", ">>spa<<"]), (None, ">>spa<< "), None),
        (Tokenizer(), (None, ""), None),
    ],
)
def test_languages_are_told_as_a_model_wants_it(marian, tokenizer, told, source):
    engine = open_engine(f"hf:{marian}", "en", "es")
    assert engine._tell_languages(tokenizer) == told and tokenizer.src_lang == source


@pytest.mark.parametrize(
    "tokenizer", [Tokenizer(["__en__", "__fr__"]), Tokenizer(prefixes=[">>fra<<"])]
)
def test_language_that_a_model_lacks(marian, tokenizer):
    engine = open_engine(f"hf:{marian}", "en", "es")
    with refused("does not translate from en to es; give the"):
        engine._tell_languages(tokenizer)


def test_folder_that_has_no_model(tmp_path):
    with refused("cannot be loaded .*give a folder or a name"):
        open_engine(f"hf:{tmp_path}", "en", "es")
    with refused("fairseq: .*neither"):
        open_engine(f"fairseq:{tmp_path}", "en", "es")
