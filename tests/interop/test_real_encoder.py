"""A real encoder as its authors publish it: BERT layers with XLM-R's SentencePiece."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from binarized import preprocess, stream
from hf_models import convert, edit_config, same_tensors, tensors
from raw_data import write_rows
from real_files import DATA, MODELS, needs
from safetensors.torch import save_file

import fairseq_xling
from fairseq_xling.data.labels import LABELS
from fairseq_xling.data.tokenizers import open_tokenizer
from fairseq_xling.interop.hf_folder import read_json
from fairseq_xling.interop.unigram import as_sentencepiece

E5, TATOEBA = MODELS / "multilingual-e5-small", DATA / "parallel/tatoeba"
pytestmark = needs("multilingual-e5-small", root=MODELS)
# What XLM-R's tokenizer gives, as published.
PUBLISHED = {
    "Hello world!": [0, 35378, 8999, 38, 2],
    "你好，世界": [0, 6, 124084, 4, 3221, 2],
    "नमस्ते दुनिया": [0, 68700, 97883, 29405, 2],
    "مرحبا بالعالم": [0, 665, 193478, 258, 1705, 77796, 2],
    "Bonjour le monde": [0, 84602, 95, 11146, 2],
}


@pytest.fixture(scope="module")
def e5(tmp_path_factory):
    """Its two forms: ``bert`` as published, ``xlmr`` with a random head on top."""
    folder = tmp_path_factory.mktemp("e5")
    expand = runpy.run_path(str(E5 / "expand.py"))["main"]
    found = {}
    for name, form in (("bert", "bert"), ("xlmr", "xlm-roberta")):
        source, ours = folder / name, folder / f"{name}-fairseq"
        expand(str(source), form)
        if name == "xlmr":
            add_head(source)
        task = ["--task=xnli"] if name == "xlmr" else []
        convert(source, "--destdir", ours, *task)
        found[name] = SimpleNamespace(source=source, folder=ours)
    return SimpleNamespace(**found)


def add_head(folder: Path) -> None:
    """Make an XLM-R one that was fine-tuned for XNLI."""
    held = {f"roberta.{name}": tensor for name, tensor in tensors(folder).items()}
    generator = torch.Generator().manual_seed(0)
    for name, rows in (("dense", 384), ("out_proj", 3)):
        weight = torch.randn(rows, 384, generator=generator) / 10
        held[f"classifier.{name}.weight"] = weight
        held[f"classifier.{name}.bias"] = torch.zeros(rows)
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    edit_config(
        folder,
        architectures=["XLMRobertaForSequenceClassification"],
        id2label=dict(enumerate(LABELS["xnli"])),
    )


@pytest.fixture(scope="module")
def model(e5):
    return fairseq_xling.from_pretrained(e5.bert.folder)


@pytest.fixture(scope="module")
def tuned(e5):
    return fairseq_xling.from_pretrained(e5.xlmr.folder)


def test_published_ids_come_out_of_preprocessing(e5, tmp_path):
    premises, hypotheses = list(PUBLISHED), list(PUBLISHED)[::-1]
    rows = list(zip(premises, hypotheses, ["entailment"] * len(premises)))
    for split in ("train", "dev", "test"):
        write_rows(tmp_path / f"raw/{split}-en.tsv", rows)
    folder = e5.bert.folder
    spm = SimpleNamespace(
        model=str(folder / "sentencepiece.bpe.model"),
        dictionary=str(folder / "dict.txt"),
    )
    preprocess("xnli", tmp_path / "raw", spm, tmp_path / "bin")
    assert stream(tmp_path / "bin", "train", "en", "input") == [
        PUBLISHED[one] + [2] + PUBLISHED[two][1:]
        for one, two in zip(premises, hypotheses)
    ]


@torch.no_grad()
def test_published_ids_and_hugging_faces_states_come_out_of_features(e5, model):
    theirs = transformers.AutoModel.from_pretrained(e5.bert.source).eval()
    dictionary = model.reader.dictionary
    found = model.extract_features(list(PUBLISHED), cpu=True)
    for one, ids in zip(found, PUBLISHED.values()):
        assert [dictionary.index(token) for token in one.tokens] == ids
        want = theirs(torch.tensor([ids])).last_hidden_state[0].numpy()
        np.testing.assert_allclose(one.features, want, atol=1e-5)


def test_converted_there_and_back_it_is_the_same(e5, tmp_path):
    convert("--to-hf", e5.bert.folder / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), tensors(e5.bert.source))
    slow = transformers.AutoTokenizer.from_pretrained(tmp_path / "back", use_fast=False)
    assert [slow(text)["input_ids"] for text in PUBLISHED] == list(PUBLISHED.values())
    # Its tokenizer.json alone is the same model.
    path = tmp_path / "back/tokenizer.json"
    alone = tmp_path / "alone.model"
    alone.write_bytes(as_sentencepiece(read_json(path), path))
    old, new = (open_tokenizer(str(x)) for x in (E5 / "sentencepiece.bpe.model", alone))
    lines = list(PUBLISHED)
    for file in sorted(TATOEBA.glob("*")):
        lines += file.read_text(encoding="utf-8").splitlines()[:100]
    for one, two in zip(old.encode(lines), new.encode(lines)):
        np.testing.assert_array_equal(one, two)


def test_forms_of_it_compute_the_same(model, tuned):
    texts = [f"query: {text}" for text in PUBLISHED] + [("Hello", "Bonjour")]
    for one, two in zip(*(x.extract_features(texts, cpu=True) for x in (model, tuned))):
        assert one.tokens == two.tokens
        np.testing.assert_allclose(one.features, two.features, atol=1e-5)


@torch.no_grad()
def test_predictions_are_hugging_faces(e5, tuned):
    kind = transformers.AutoModelForSequenceClassification
    theirs = kind.from_pretrained(e5.xlmr.source).eval()
    texts = list(PUBLISHED)
    found = tuned.predict(list(zip(texts, texts[1:])), cpu=True)
    for one, first, second in zip(found, texts, texts[1:]):
        ids = PUBLISHED[first] + [2] + PUBLISHED[second][1:]
        want = theirs(torch.tensor([ids])).logits[0].softmax(dim=0)
        assert list(one["probabilities"]) == list(LABELS["xnli"])
        got = list(one["probabilities"].values())
        assert got == pytest.approx(want.tolist(), abs=1e-5)


def pooled(model, path: Path) -> np.ndarray:
    """The direction of each sentence's mean state, ``(100, dim)``."""
    lines = path.read_text(encoding="utf-8").splitlines()[:100]
    found = model.extract_features([f"query: {line}" for line in lines], cpu=True)
    states = np.stack([one.features.mean(axis=0) for one in found])
    return states / np.linalg.norm(states, axis=1, keepdims=True)


@needs("parallel/tatoeba")
@pytest.mark.parametrize("lang, share", [("spa", 98), ("hin", 97), ("swh", 88)])
def test_translations_are_found_among_others(model, lang, share):
    stem = TATOEBA / f"tatoeba.{lang}-eng"
    foreign, english = (pooled(model, Path(f"{stem}.{x}")) for x in (lang, "eng"))
    nearest = (foreign @ english.T).argmax(axis=1)
    # As many as by Hugging Face's model.
    assert (nearest == np.arange(100)).sum() == share
