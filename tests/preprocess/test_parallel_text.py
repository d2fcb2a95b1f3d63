"""Parallel text to binarized data: round trip, empty sides, and bad input."""

import runpy

import pytest
from binarized import naive_ids, stream
from parallel_data import draw_parallel, preprocess, raw_parallel, write_parallel
from refusals import refused
from training import ROOT

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.files.hashes import sha256_of


def encode(spm, texts):
    return [[0, *naive_ids(spm, text), 2] for text in texts]


def test_each_side_has_the_ids_of_its_text(spm, tmp_path):
    folder = preprocess(raw_parallel(tmp_path / "raw"), spm, tmp_path / "bin")
    for lang, count in (("de", 40), ("zh", 49)):
        sides = draw_parallel(lang, count)
        assert stream(folder, "train", lang, "input") == encode(spm, sides[lang])
        assert stream(folder, "train", lang, "source") == encode(spm, sides["en"])
    manifest = Manifest.load(folder)
    assert (manifest.task, manifest.source_lang) == ("parallel", "en")
    assert manifest.languages == ["en", "de", "zh"]
    assert manifest.splits["train"]["zh"].rows == 49
    assert sorted(manifest.splits["valid"]["de"].streams) == ["input", "source"]
    assert manifest.dictionary_sha256 == sha256_of(folder / "dict.txt")
    assert manifest.dictionary_size == len(load_dictionary(spm.dictionary))
    assert (folder / "sentencepiece.bpe.model").exists()


def test_lines_without_one_side_are_skipped_and_counted(spm, tmp_path, capsys):
    sides = draw_parallel("de", 6)
    sides["en"][1], sides["de"][4] = "", " \t"
    raw = tmp_path / "raw"
    write_parallel(raw, "train", "de", sides)
    write_parallel(raw, "valid", "de", draw_parallel("de", 3))
    folder = preprocess(raw, spm, tmp_path / "bin")
    said = capsys.readouterr().err
    assert "train.de: 4 rows, 2 lines left out for lack of a side, 0.00% unk" in said
    kept = [sides["de"][i] for i in (0, 2, 3, 5)]
    assert stream(folder, "train", "de", "input") == encode(spm, kept)
    assert Manifest.load(folder).splits["train"]["de"].rows == 4


def test_odd_line_ends_do_not_shift_lines(spm, tmp_path):
    raw = raw_parallel(tmp_path / "raw", ["de"])
    plain = preprocess(raw, spm, tmp_path / "plain")
    path = raw / "train.en-de.de.txt"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    odd = preprocess(raw, spm, tmp_path / "odd")
    want = stream(plain, "train", "de", "input")
    assert stream(odd, "train", "de", "input") == want
    path.write_text("a\u2028b\n" * len(lines), encoding="utf-8")
    odd = preprocess(raw, spm, tmp_path / "odder")
    assert len(stream(odd, "train", "de", "input")) == len(want)


def test_languages_can_be_chosen_and_other_files_are_not_read(spm, tmp_path):
    raw = raw_parallel(tmp_path / "raw")
    for name in ("train.en.txt", "train.de-zh.de.txt", "train.en-de.ru.txt"):
        (raw / name).write_bytes(b"\xff")
    folder = preprocess(raw, spm, tmp_path / "bin", "--target-langs=zh")
    assert Manifest.load(folder).languages == ["en", "zh"]
    with refused("--target-langs fr: .* no training text"):
        preprocess(raw, spm, tmp_path / "other", "--target-langs=zh,fr")


def unequal(raw):
    with open(raw / "train.en-de.de.txt", "a") as file:
        file.write("mehr\n")
    return r"train\.en-de\.de\.txt: 41 lines, but .*train\.en-de\.en\.txt has 40;"


def not_utf8(raw):
    path = raw / "train.en-de.en.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\nab\xff", 1))
    return r"train\.en-de\.en\.txt, line 2: not UTF-8 \(byte 3 of the line\)"


def one_side(raw):
    (raw / "valid.en-de.en.txt").unlink()
    return r"valid\.en-de\.en\.txt: not found, though valid\.en-de\.de\.txt is there"


def no_valid(raw):
    for path in raw.glob("valid.*"):
        path.unlink()
    return r"raw: no valid\.en-LANG\.\*\.txt; name the files"


def all_empty(raw):
    write_parallel(raw, "valid", "de", {"en": ["", "a"], "de": ["b", ""]})
    return r"valid\.en-de\.de\.txt: no line has text both there and in"


@pytest.mark.parametrize("spoil", [unequal, not_utf8, one_side, no_valid, all_empty])
def test_bad_input_is_named_and_leaves_nothing(spm, tmp_path, spoil):
    raw = raw_parallel(tmp_path / "raw", ["de"])
    message = spoil(raw)
    with refused(message):
        preprocess(raw, spm, tmp_path / "bin")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_existing_folders_are_replaced_only_when_told(spm, tmp_path):
    raw = raw_parallel(tmp_path / "raw", ["de"])
    preprocess(raw, spm, tmp_path / "bin")
    with refused("exists; replace it with --overwrite"):
        preprocess(raw, spm, tmp_path / "bin")
    preprocess(raw, spm, tmp_path / "bin", "--overwrite")
    with refused("none: not a folder"):
        preprocess(tmp_path / "none", spm, tmp_path / "other")


def test_script_is_the_command(tmp_path, spm, monkeypatch):
    options = ["--tokenizer", spm.model, "--dict", spm.dictionary]
    options += ["--destdir", str(tmp_path / "bin")]
    script = str(ROOT / "preprocess/parallel.py")
    raw = raw_parallel(tmp_path / "raw")
    monkeypatch.setattr("sys.argv", [script, str(raw), *options])
    runpy.run_path(script, run_name="__main__")
    assert Manifest.load(tmp_path / "bin").splits["valid"]["zh"].rows == 10
