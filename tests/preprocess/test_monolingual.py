"""preprocess/monolingual.py: documents, text that is none, and odd folder names."""

import runpy

import pytest
from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset
from raw_data import WORDS
from refusals import refused
from training import ROOT

SENTENCE = " ".join(WORDS["en"]) + "."


@pytest.fixture
def text(tmp_path):
    """A folder whose name has what separates paths elsewhere."""
    folder = tmp_path / "text, 'a \"b*"
    folder.mkdir()
    for name in ("train.en.txt", "valid.en.txt"):
        (folder / name).write_text(f"{SENTENCE}\n" * 20, encoding="utf-8")
    return folder


def run(text, out, monkeypatch, *options):
    script = str(ROOT / "preprocess/monolingual.py")
    arguments = [script, str(text), "--destdir", str(out), *options]
    monkeypatch.setattr("sys.argv", [*arguments, "--workers=1"])
    runpy.run_path(script, run_name="__main__")
    return out


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_documents_of_any_length_are_trained_on(text, tmp_path, monkeypatch, kind):
    # SentencePiece alone leaves out lines of more than 4,192 bytes.
    document = " ".join([SENTENCE] * 300)
    assert len(document) > 3 * 4192
    (text / "train.en.txt").write_text(f"{document}\n{document}\n", encoding="utf-8")
    options = ["--vocabulary=60", f"--tokenizer={kind}"]
    out = run(text, tmp_path / "out", monkeypatch, *options)
    rows = MMapIndexedDataset(str(out / "bin/train"))
    dictionary = Dictionary.load(str(out / "dict.txt"))
    assert len(rows) == 2 and len(rows[0]) > 2000
    assert not (rows[0] == dictionary.unk()).any()


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "has no text"),
        (b" \n\n\t\n", "has no text"),
        ("\u200b\n\ufeff\u2028\x01\n".encode(), "has no text"),
        (b"one\ncaf\xe9 au lait\n", "line 2: not UTF-8 \\(byte 4 of the line\\)"),
    ],
)
def test_file_without_readable_text_is_refused(
    text, tmp_path, monkeypatch, split, content, message
):
    (text / f"{split}.de.txt").write_bytes(content)
    with refused(f"{split}.de.txt.*{message}"):
        run(text, tmp_path / "out", monkeypatch, "--vocabulary=60")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("vocabulary", ["0", "-3", "5"])
def test_too_few_pieces_are_refused(text, tmp_path, monkeypatch, vocabulary):
    with refused(f"--vocabulary {vocabulary}: "):
        run(text, tmp_path / "out", monkeypatch, f"--vocabulary={vocabulary}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--vocabulary 60", "--tokenizer wordpiece"])
def test_a_models_tokenizer_and_one_to_train_are_refused(
    text, tmp_path, monkeypatch, option
):
    with refused(f"{option}: --model has its own"):
        run(text, tmp_path / "out", monkeypatch, *option.split(), "--model=xlmr.base")
    assert not (tmp_path / "out").exists()
