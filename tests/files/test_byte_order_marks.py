"""A byte order mark is read away from every kind of file."""

import json

import pytest
from pair_data import write_pair_data
from refusals import refused

from fairseq_xling.data.dictionaries import read_dictionary
from fairseq_xling.data.manifest import MANIFEST_NAME, Manifest
from fairseq_xling.data.tokenizers import WordPieceTokenizer
from fairseq_xling.families.questions.raw import read_questions
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.interop.hf_folder import read_json
from fairseq_xling.interop.tokenizer_files import wordpiece
from fairseq_xling.interop.vocabulary import BERT_NAMES

SQUAD = {
    "data": [
        {"paragraphs": [{"context": "a b", "qas": [{"id": "1", "question": "c"}]}]}
    ]
}


def symbols(path):
    return read_dictionary(str(path)).symbols


def questions(path):
    return list(read_questions(path))


def pieces(path):
    return WordPieceTokenizer(str(path)).pieces()


@pytest.mark.parametrize(
    "name, read",
    [
        (MANIFEST_NAME, lambda path: Manifest.load(path.parent)),
        ("dict.txt", symbols),
        ("label.dict.txt", symbols),
        ("squad.json", questions),
        ("config.json", read_json),
        ("tokenizer.json", pieces),
    ],
)
def test_mark_is_read_away_and_utf16_refused(tmp_path, name, read):
    folder = write_pair_data(tmp_path / "data")
    wordpiece([*BERT_NAMES, "a"], {}).save(str(folder / "tokenizer.json"))
    for extra in ("squad.json", "config.json"):
        (folder / extra).write_text(json.dumps(SQUAD))
    path = folder / name
    want, digest = read(path), sha256_of(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8-sig")
    assert read(path) == want and sha256_of(path) == digest
    path.write_text(text, encoding="utf-16")
    with refused(f"{name}, line 1: UTF-16, not UTF-8"):
        read(path)
