"""Raw folders to binarized data: the same ids as the usual chain, and bad input."""

import os
import random
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import binarized
import pytest
from binarized import check_refused, dictionary_at, digest, spoilt, stream
from forked import call
from raw_data import LABELS, draw_rows, write_rows
from refusals import refused
from training import ROOT

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.files.hashes import sha256_of


def preprocess(raw, spm, destdir, *options):
    return binarized.preprocess("xnli", raw, spm, destdir, *options)


def usual_chain(spm, pairs):
    """SentencePiece's pieces as text, then fairseq's dictionary, pair by pair."""
    dictionary = dictionary_at(spm.dictionary)
    out = []
    for first, second in pairs:
        parts = [
            " ".join(spm.processor.encode(x, out_type=str)) for x in (first, second)
        ]
        line = f"<s> {parts[0]} </s> </s> {parts[1]} </s>"
        ids = dictionary.encode_line(line, append_eos=False, add_if_not_exist=False)
        out.append(ids.tolist())
    return out


def read(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_stream_has_the_ids_of_the_usual_chain(raw, spm, tmp_path):
    manifest = preprocess(raw, spm, tmp_path / "bin")
    assert manifest.languages == ["en", "de", "ru", "zh"]
    assert manifest.labels == LABELS
    for lang in ("de", "ru", "zh"):
        rows = read(raw / f"translate-train/en-{lang}-translated.tsv")
        back = read(raw / f"translate-train-en/en-{lang}-en-translated.tsv")
        test = read(raw / f"test-{lang}.tsv")
        source = read(raw / f"translate-test/test-{lang}-en-translated.tsv")
        for split, name, pairs in (
            ("train", "input", [row[2:4] for row in rows]),
            ("train", "source", [row[:2] for row in rows]),
            ("train", "backtranslation", [row[:2] for row in back]),
            ("test", "input", [row[:2] for row in test]),
            ("test", "source", [row[:2] for row in source]),
        ):
            got = stream(tmp_path / "bin", split, lang, name)
            assert got == usual_chain(spm, pairs), (split, lang, name)
    labels = [4 + LABELS.index(row[2]) for row in read(raw / "train-en.tsv")]
    assert stream(tmp_path / "bin", "train", "en", "label") == [[x] for x in labels]
    assert set(manifest.splits) == {"train", "valid", "test"}
    assert "source" not in manifest.splits["train"]["en"].streams


def test_result_does_not_depend_on_workers_or_chunks(raw, spm, tmp_path, monkeypatch):
    preprocess(raw, spm, tmp_path / "one", "--workers=1")
    monkeypatch.setattr("fairseq_xling.preprocessing.binarize.CHUNK_ROWS", 7)
    preprocess(raw, spm, tmp_path / "four", "--workers=4")
    assert digest(tmp_path / "one") == digest(tmp_path / "four")


def with_ids(rows):
    return [["id", "premise", "hypothesis", "label"]] + [
        [f"r{i}", *row] for i, row in enumerate(rows)
    ]


def test_rows_with_ids_are_paired_by_id_not_by_place(raw, spm, tmp_path):
    english = read(raw / "train-en.tsv")
    generator = random.Random(5)
    german = draw_rows(generator, "de", [row[2] for row in english])
    rows = with_ids(german)
    body = rows[1:]
    generator.shuffle(body)
    body[3][0] = "nobody"
    write_rows(raw / "train-en.tsv", with_ids(english))
    write_rows(raw / "translate-train/en-de-translated.tsv", [rows[0], *body])
    (raw / "translate-train-en/en-de-en-translated.tsv").unlink()
    preprocess(raw, spm, tmp_path / "bin", "--target-langs=de")
    source = stream(tmp_path / "bin", "train", "de", "source")
    by_id = {f"r{i}": row for i, row in enumerate(english)}
    for i, row in enumerate(body):
        if i == 3:
            assert source[i] == []
        else:
            assert source[i] == usual_chain(spm, [by_id[row[0]][:2]])[0]


def test_columns_may_stand_in_any_order_under_a_header(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "plain")
    rows = read(raw / "dev-de.tsv")
    named = [["label", "other", "sentence2", "sentence1"]]
    write_rows(raw / "dev-de.tsv", named + [[r[2], "x", r[1], r[0]] for r in rows])
    preprocess(raw, spm, tmp_path / "named")
    assert digest(tmp_path / "plain") == digest(tmp_path / "named")


def test_windows_line_ends_and_byte_order_mark_do_not_matter(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "plain")
    rows = read(raw / "dev-de.tsv")
    rows[0][0] = "\ufeff" + rows[0][0]
    write_rows(raw / "dev-de.tsv", rows, end="\r\n")
    preprocess(raw, spm, tmp_path / "windows")
    assert digest(tmp_path / "plain") == digest(tmp_path / "windows")


def test_folders_of_the_xmixup_authors_are_read(raw, spm, tmp_path):
    other = tmp_path / "other"
    english = read(raw / "train-en.tsv")
    header = [["premise", "hypo", "label"]]

    def mnli(rows):
        return header + [
            [a, b, x.replace("contradiction", "contradictory")] for a, b, x in rows
        ]

    place = "XNLI-MT-1.0/multinli/multinli.train.{}.tsv"
    write_rows(other / place.format("en"), mnli(english))
    for lang in ("de", "ru", "zh"):
        rows = read(raw / f"translate-train/en-{lang}-translated.tsv")
        write_rows(other / place.format(lang), mnli([row[2:] for row in rows]))
        back = read(raw / f"translate-train-en/en-{lang}-en-translated.tsv")
        write_rows(
            other / f"translate-train-en/multinli.train.{lang}-en.tsv", mnli(back)
        )
        source = read(raw / f"translate-test/test-{lang}-en-translated.tsv")
        write_rows(other / f"translate-test/test-{lang}-en-translated.tsv", source)
    names = ["language", "gold_label", "sentence1", "sentence2"]
    for split, kinds in (("dev", ("", "translate-dev/")), ("test", ("",))):
        for kind in kinds:
            rows = [names]
            for lang in ("de", "ru", "en", "zh"):
                path = raw / f"{split}-{lang}.tsv"
                if kind and lang != "en":
                    path = raw / f"{kind}{split}-{lang}-en-translated.tsv"
                rows += [[lang, r[2], r[0], r[1]] for r in read(path)]
            write_rows(other / f"{kind or 'XNLI-1.0/'}xnli.{split}.tsv", rows)
    # English is among the languages of translate-dev/xnli.dev.tsv, as itself.
    shutil.copy(raw / "dev-en.tsv", raw / "translate-dev/dev-en-en-translated.tsv")
    preprocess(raw, spm, tmp_path / "xtreme")
    preprocess(other, spm, tmp_path / "authors")
    assert digest(tmp_path / "xtreme") == digest(tmp_path / "authors")
    assert "source" in Manifest.load(tmp_path / "xtreme").splits["valid"]["en"].streams


def source_streams(folder):
    """Which streams of counterparts English has, by split."""
    splits = Manifest.load(folder).splits
    streams = ("source", "backtranslation")
    return {
        split: [name for name in streams if name in splits[split]["en"].streams]
        for split in ("train", "valid", "test")
    }


def test_source_rows_are_paired_where_there_are_files(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "bin")
    nothing = {"train": [], "valid": [], "test": []}
    assert source_streams(tmp_path / "bin") == nothing
    # XTREME's file has five columns; its translation need not be the same sentence.
    english = read(raw / "train-en.tsv")
    own = draw_rows(random.Random(8), "en", [row[2] for row in english])
    rows = [first[:2] + second for first, second in zip(english, own)]
    write_rows(raw / "translate-train/en-en-translated.tsv", rows)
    shutil.copy(raw / "test-en.tsv", raw / "translate-test/test-en-en-translated.tsv")
    preprocess(raw, spm, tmp_path / "paired")
    assert source_streams(tmp_path / "paired") == {
        **nothing, "train": ["source"], "test": ["source"],
    }  # fmt: skip
    train = [stream(tmp_path / "paired", "train", "en", x) for x in ("input", "source")]
    assert train[0] == usual_chain(spm, [row[:2] for row in english])
    assert train[1] == usual_chain(spm, [row[:2] for row in own])
    test = [stream(tmp_path / "paired", "test", "en", x) for x in ("input", "source")]
    assert test[0] == test[1] and len(test[0]) == 9
    # Other languages are what they were.
    before, after = digest(tmp_path / "bin"), digest(tmp_path / "paired")
    changed = {name for name in after if before.get(name) != after[name]}
    streams = {
        f"{x}.en.source.{end}" for x in ("train", "test") for end in ("bin", "idx")
    }
    assert changed == {"manifest.json", *streams}
    drop_last_row(raw / "translate-train/en-en-translated.tsv")
    with refused("en-en-translated.tsv: 29 rows, but"):
        preprocess(raw, spm, tmp_path / "short")


def test_source_rows_are_paired_with_themselves_when_told(raw, spm, tmp_path):
    back = draw_rows(random.Random(8), "en", [r[2] for r in read(raw / "train-en.tsv")])
    write_rows(raw / "train-en.tsv", with_ids(read(raw / "train-en.tsv")))
    for path in raw.glob("translate-train*/*"):
        path.unlink()
    preprocess(raw, spm, tmp_path / "bin", "--pair-source")
    assert source_streams(tmp_path / "bin") == dict.fromkeys(
        ("train", "valid", "test"), ["source"]
    )
    for split in ("train", "valid", "test"):
        rows = stream(tmp_path / "bin", split, "en", "input")
        assert stream(tmp_path / "bin", split, "en", "source") == rows
    # The authors' file for scheduled sampling pairs them, too.
    header = [["premise", "hypo", "label"]]
    write_rows(raw / "train-en.tsv", header + back)
    write_rows(raw / "translate-train-en/multinli.train.en-en.tsv", header + back)
    preprocess(raw, spm, tmp_path / "authors")
    found = source_streams(tmp_path / "authors")
    assert found == {"train": ["source", "backtranslation"], "valid": [], "test": []}


@pytest.mark.parametrize("columns", [3, 2])
def test_target_rows_become_the_supervised_split_or_text(
    raw, spm, tmp_path, capfd, columns
):
    rows = [row[:columns] for row in draw_rows(random.Random(3), "de", LABELS * 2)]
    write_rows(raw / "train-de.tsv", rows)
    entry = preprocess(raw, spm, tmp_path / "bin").splits["supervised"]["de"]
    assert entry.rows == 6 and entry.streams == ["input", "label"][: columns - 1]
    got = stream(tmp_path / "bin", "supervised", "de", "input")
    assert got == usual_chain(spm, [row[:2] for row in rows])
    said = "de: training rows without labels: text for MultiMix alone"
    assert (said in capfd.readouterr().err) == (columns == 2)


def test_what_is_missing_is_named_with_its_consequence(raw, spm, tmp_path, capfd):
    (raw / "translate-train-en/en-de-en-translated.tsv").unlink()
    (raw / "translate-test/test-ru-en-translated.tsv").unlink()
    (raw / "translate-train/en-zh-translated.tsv").unlink()
    manifest = preprocess(raw, spm, tmp_path / "bin")
    log = capfd.readouterr().err
    assert "de: no back-translation: scheduled sampling is off" in log
    assert "ru: no translate-test: no mixup inference there" in log
    assert "zh: no translate-train: evaluated only, not trained on" in log
    assert "backtranslation" not in manifest.splits["train"]["de"].streams
    assert "source" not in manifest.splits["test"]["ru"].streams
    assert "zh" not in manifest.splits["train"] and "zh" in manifest.splits["test"]


def test_folders_of_the_xmixup_authors_for_pawsx_are_read(spm, tmp_path):
    raw, generator = tmp_path / "raw", random.Random(2)
    labels = ["0", "1", "1", "0"]
    header = [["id", "sentence1", "sentence2", "label"]]

    def rows(lang, order=(0, 1, 2, 3)):
        drawn = draw_rows(generator, lang, labels)
        return header + [[str(i), *drawn[i]] for i in order]

    english = rows("en")
    write_rows(raw / "en/train.tsv", english)
    write_rows(raw / "de/train.tsv", rows("de", (2, 0, 3, 1)))
    back = rows("en")
    write_rows(raw / "translate-train-en/translated_train.de-en.tsv", back)
    for lang in ("en", "de"):
        write_rows(raw / lang / "dev_2k.tsv", rows(lang))
        write_rows(raw / lang / "test_2k.tsv", rows(lang))
    write_rows(raw / "translate-dev/dev_2k.de.tsv", rows("en"))
    write_rows(raw / "translate-test/test.de.tsv", draw_rows(generator, "en", labels))
    manifest = binarized.preprocess("pawsx", raw, spm, tmp_path / "bin")
    assert set(manifest.splits["train"]["de"].streams) == {
        "input",
        "label",
        "source",
        "backtranslation",
    }
    assert "source" in manifest.splits["valid"]["de"].streams
    assert "source" in manifest.splits["test"]["de"].streams
    for name, texts in (("source", english), ("backtranslation", back)):
        want = [texts[1 + i][1:3] for i in (2, 0, 3, 1)]
        got = stream(tmp_path / "bin", "train", "de", name)
        assert got == usual_chain(spm, want)


def replace_cell(path, row, column, value):
    rows = read(path)
    rows[row][column] = value
    write_rows(path, rows)


def drop_last_row(path):
    write_rows(path, read(path)[:-1])


def drop_column(path):
    rows = read(path)
    rows[4] = rows[4][:2]
    write_rows(path, rows)


def spoil_utf8(path):
    path.write_bytes(path.read_bytes().replace(b"\n", b"\xff\n", 2))


TRANSLATED = "translate-train/en-de-translated.tsv"


SPOILT = {
    "train-en.tsv": [
        (
            lambda p: replace_cell(p, 2, 2, "maybe"),
            ", line 3: unknown label 'maybe'; the labels are contradict",
        ),
        (lambda p: p.unlink(), ": not found"),
    ],
    "dev-de.tsv": [
        (drop_column, ", line 5: 2 columns, but 3 are needed"),
        (lambda p: p.write_bytes(b""), ": is empty"),
    ],
    "test-ru.tsv": [
        (
            lambda p: replace_cell(p, 6, 1, "  "),
            ", line 7: empty sentence in column 2",
        ),
        (spoil_utf8, r", line 1: not UTF-8 \(byte \d+"),
        (drop_last_row, "test-ru-en-translated.tsv: 9 rows, but .*test-ru.tsv has 8"),
    ],
    "translate-test/test-ru-en-translated.tsv": [
        (drop_last_row, ": 8 rows, but .*test-ru.tsv has 9"),
    ],
    "translate-train-en/en-de-en-translated.tsv": [
        (
            lambda p: write_rows(p, [r[:2] + ["neutral"] for r in read(p)]),
            r"en-de-translated.tsv, line \d+: label .*out of step",
        ),
    ],
}


@pytest.mark.parametrize("file, spoil, message", spoilt(SPOILT))
def test_bad_input_is_one_line_and_leaves_nothing(
    raw, spm, tmp_path, file, spoil, message
):
    spoil(raw / file)
    check_refused("xnli", raw, spm, tmp_path, message)


def test_repeated_id_is_refused(raw, spm, tmp_path):
    english = with_ids(read(raw / "train-en.tsv"))
    english[5][0] = "r1"
    rows = read(raw / TRANSLATED)
    write_rows(raw / "train-en.tsv", english)
    write_rows(raw / TRANSLATED, with_ids([row[2:] for row in rows]))
    with refused("line 6: id 'r1' stands in line 3, too"):
        preprocess(raw, spm, tmp_path / "bin", "--target-langs=de")


def test_existing_destdir_is_kept_unless_told_otherwise(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "bin")
    with refused("exists; replace it with --overwrite"):
        preprocess(raw, spm, tmp_path / "bin")
    preprocess(raw, spm, tmp_path / "bin", "--overwrite")


def test_dictionary_of_another_model_is_refused(raw, spm, tmp_path):
    other = tmp_path / "dict.txt"
    other.write_text("".join(f"x{i} 1\n" for i in range(50)))
    wrong = type(spm)(model=spm.model, dictionary=str(other))
    with refused("pieces are not in the dictionary"):
        preprocess(raw, wrong, tmp_path / "bin")
    wrong = type(spm)(model=str(other), dictionary=spm.dictionary)
    with refused("not a SentencePiece model"):
        preprocess(raw, wrong, tmp_path / "bin")


def test_unknown_language_and_folder_are_refused(raw, spm, tmp_path):
    with refused("--target-langs xx.*de,ru,zh"):
        preprocess(raw, spm, tmp_path / "bin", "--target-langs=xx")
    with refused("no such folder"):
        preprocess(raw / "nowhere", spm, tmp_path / "bin")


def test_killed_run_leaves_no_destdir(raw, spm, tmp_path):
    def kill_when_written(event, args):
        if event == "open" and str(args[0]).endswith("train.en.label.bin"):
            os.kill(os.getpid(), signal.SIGKILL)

    arguments = [str(ROOT / "preprocess/xnli.py"), str(raw), "--spm", spm.model]
    arguments += ["--dict", spm.dictionary, "--destdir", str(tmp_path / "bin")]
    killed = call(arguments, lambda: sys.addaudithook(kill_when_written))
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    assert list(tmp_path.glob(".bin.*/train.en.input.bin"))
    assert not (tmp_path / "bin").exists()


def test_overwrite_spares_what_is_not_binarized_data(raw, spm, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("kept")
    for place in (raw, tmp_path, other):
        with refused("is not a folder of binarized data"):
            preprocess(raw, spm, place, "--overwrite")
    assert (raw / "train-en.tsv").exists() and other.read_text() == "kept"


def test_rows_without_a_sentence_are_left_out_when_told(raw, spm, tmp_path, capfd):
    replace_cell(raw / TRANSLATED, 4, 2, "")
    replace_cell(raw / "translate-test/test-de-en-translated.tsv", 2, 1, "")
    with refused("line 5: empty sentence.*--skip-empty-rows"):
        preprocess(raw, spm, tmp_path / "bin")
    manifest = preprocess(raw, spm, tmp_path / "bin", "--skip-empty-rows")
    assert manifest.splits["train"]["de"].rows == 29
    rows = [row for i, row in enumerate(read(raw / TRANSLATED)) if i != 4]
    got = stream(tmp_path / "bin", "train", "de", "input")
    assert got == usual_chain(spm, [row[2:4] for row in rows])
    assert stream(tmp_path / "bin", "test", "de", "source")[2] == []
    log = capfd.readouterr().err
    assert "train.de: 29 rows, 1 left out for lack of a sentence" in log
    assert "test.de: 9 rows, 1 without source" in log
    assert "train.de: 29 rows, but train.en has 30" in log


def test_training_rows_without_labels_are_refused(raw, spm, tmp_path):
    rows = read(raw / "train-en.tsv")
    write_rows(raw / "train-en.tsv", [row[:2] for row in rows])
    with refused("train-en.tsv: has no labels"):
        preprocess(raw, spm, tmp_path / "bin")


def test_pawsx_as_released_is_read(spm, tmp_path):
    raw, generator = tmp_path / "raw", random.Random(2)
    header = [["id", "sentence1", "sentence2", "label"]]
    for name, lang in (("en/train", "en"), ("de/translated_train", "de")):
        drawn = draw_rows(generator, lang, ["0", "1"])
        rows = [[str(i), *row] for i, row in enumerate(drawn)]
        write_rows(raw / f"{name}.tsv", header + rows)
    manifest = binarized.preprocess("pawsx", raw, spm, tmp_path / "bin")
    assert manifest.splits["train"]["de"].streams == ["input", "label", "source"]


def test_dictionary_with_a_byte_order_mark_is_the_same(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "plain")
    marked = tmp_path / "dict.txt"
    marked.write_bytes(b"\xef\xbb\xbf" + Path(spm.dictionary).read_bytes())
    other = SimpleNamespace(model=spm.model, dictionary=str(marked))
    preprocess(raw, other, tmp_path / "marked")
    assert digest(tmp_path / "plain") == digest(tmp_path / "marked")
    assert sha256_of(marked) == sha256_of(spm.dictionary)


def test_folders_and_other_encodings_of_vocabularies_are_refused(raw, spm, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "sentencepiece.bpe.model").write_bytes(Path(spm.model).read_bytes())
    text = Path(spm.dictionary).read_text(encoding="utf-8")
    (tmp_path / "u16.txt").write_text(text, encoding="utf-16")
    for model, dictionary, told in (
        (folder, spm.dictionary, "model: a folder; give the sentencepiece.bpe.model"),
        (
            tmp_path,
            spm.dictionary,
            "give the sentencepiece.bpe.model or tokenizer.json",
        ),
        (spm.model, folder, "model: a folder; give the dict.txt"),
        (spm.model, tmp_path / "u16.txt", "u16.txt, line 1: UTF-16"),
    ):
        files = SimpleNamespace(model=str(model), dictionary=str(dictionary))
        with refused(told):
            preprocess(raw, files, tmp_path / "bin")
        assert not (tmp_path / "bin").exists()


def test_sentences_of_invisible_characters_are_empty_ones(raw, spm, tmp_path, capfd):
    rows = read(raw / "train-en.tsv")
    rows[4][1] = "\u200b \u200b"
    write_rows(raw / "train-en.tsv", rows)
    with refused("train-en.tsv, line 5: a sentence without"):
        preprocess(raw, spm, tmp_path / "bin")
    options = ["--skip-empty-rows", "--target-langs=en"]
    manifest = preprocess(raw, spm, tmp_path / "bin", *options)
    assert manifest.splits["train"]["en"].rows == 29
    assert "1 left out for lack of a sentence" in capfd.readouterr().err


def test_labels_are_known_but_for_case_and_spaces(raw, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "plain")
    rows = read(raw / "train-en.tsv")
    write_rows(raw / "train-en.tsv", [[*row[:2], f" {row[2].upper()}"] for row in rows])
    preprocess(raw, spm, tmp_path / "bin")
    assert digest(tmp_path / "plain") == digest(tmp_path / "bin")


@pytest.mark.parametrize("name", ["train-en.csv", "train-en.jsonl"])
def test_training_file_of_another_format_is_named(raw, spm, tmp_path, name):
    (raw / "train-en.tsv").rename(raw / name)
    with refused(rf"not found \(of another format: {name}\)"):
        preprocess(raw, spm, tmp_path / "bin")
