"""Language codes, and the files of raw folders that are found by them."""

import re

import pytest
from refusals import refused

from fairseq_xling.data.languages import LANGUAGE, PREFIX
from fairseq_xling.families.files import RawFiles
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.raw_layout import RawLayout

CODES = [
    *("de", "sme", "simple", "zh-min-nan", "be-x-old", "map-bms", "zh-classical"),
    *("zh-Hans", "zh-Hans-CN", "zh_Hant_TW", "pt_BR", "es-419", "sr-Latn-RS"),
    *("de-CH-1996", "be-tarask", "roa-rup", "cbk-zam", "nds-nl"),
]
PLACES = {
    "train": ["train-{src}.tsv"],
    "translate-train": ["translate-train/{src}-{lang}-translated.tsv"],
    "test": ["test-{lang}.tsv", "{lang}/test", "*/{lang}_*-ud-test.conllu"],
}


@pytest.mark.parametrize("code", CODES)
def test_codes_of_all_kinds_are_languages(code):
    assert re.fullmatch(LANGUAGE, code)
    assert PREFIX.match(f"{code}:Ada").group(1) == f"{code}:"


@pytest.mark.parametrize("text", ["", "english", "x", "simplex", "de-", "a b", "de.x"])
def test_other_names_are_none(text):
    assert not re.fullmatch(LANGUAGE, text)


def test_lists_are_read_with_spaces():
    assert read_languages("--langs", " de, zh-Hans-CN ") == ["de", "zh-Hans-CN"]


@pytest.mark.parametrize("text", ["", ",", "de,", "de,,ru", "de,ru,de"])
def test_empty_and_repeated_languages_are_refused(text):
    with refused("^--langs '.*': give different languages"):
        read_languages("--langs", text)


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")


class Paths(RawFiles):
    def open(self, paths, lang):
        return paths


def layout(folder, source="en"):
    return RawLayout(folder, source, PLACES, Paths())


def test_every_place_finds_every_code(tmp_path):
    write(tmp_path, "train-en.tsv")
    for code in CODES:
        write(tmp_path / code / "x", f"test-{code}.tsv")
        write(tmp_path / code / "y", f"{code}/test")
        write(tmp_path / code / "z", f"translate-train/en-{code}-translated.tsv")
        for part in "xyz":
            assert layout(tmp_path / code / part).languages() == [code]


def test_name_of_a_treebank_is_no_part_of_its_language(tmp_path):
    write(tmp_path, "a/fr_ftb-ud-test.conllu", "a/fr_x_y-ud-test.conllu")
    assert layout(tmp_path).languages() == ["fr"]


def test_files_that_are_not_read_are_named(tmp_path, caplog):
    write(tmp_path, "train-en.tsv", "test-de.tsv", "test-fr.tsv", "de/test")
    write(tmp_path, "test-english.tsv", "translate-train/de-en.tsv", "notes.md")
    write(tmp_path, "dev-de.csv")
    found = layout(tmp_path)
    found.splits(["de"])
    found.say_what_is_not_read(["de"])
    # French is not wanted; German has two tests, of which one is read.
    assert caplog.messages == [
        f"{tmp_path}: not read: dev-de.csv, test-english.tsv, de/test, "
        "translate-train/de-en.tsv"
    ]


def test_many_of_them_are_counted(tmp_path, caplog):
    write(tmp_path, "train-en.tsv", *(f"train-english{i}.tsv" for i in range(10)))
    found = layout(tmp_path)
    found.splits([])
    found.say_what_is_not_read([])
    assert caplog.messages[0].endswith("train-english7.tsv and 2 more")


def test_a_folder_in_a_files_place_is_refused(tmp_path):
    write(tmp_path, "train-en.tsv", "test-de.tsv/x")
    found = layout(tmp_path)
    with refused("test-de.tsv: a folder, where a file is read"):
        found.splits(found.languages())


def test_a_file_in_the_raw_folders_place_is_refused(tmp_path):
    write(tmp_path, "a.tsv")
    with refused("a.tsv: a file; give XTREME's raw data"):
        layout(tmp_path / "a.tsv")
