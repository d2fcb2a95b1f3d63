"""xling-sample: shares of the training data that are not parallel."""

import numpy as np
import pytest
from fairseq.data.indexed_dataset import MMapIndexedDataset
from pair_data import write_pair_data
from refusals import refused
from tag_data import write_tag_data

from fairseq_xling.cli import sample
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.multimix.selected_data import write_rows

ROWS = {"train": 40, "valid": 6, "test": 6}


def rows_of(folder, name):
    stream = MMapIndexedDataset(str(folder / name))
    return [tuple(stream[row].tolist()) for row in range(len(stream))]


def draw(data, out, *options):
    arguments = [str(data), "--target-lang=de", f"--results-path={out}", *options]
    sample.main(sample.build_parser().parse_args(arguments))
    return out


@pytest.mark.parametrize("write", [write_pair_data, write_tag_data])
def test_shares_are_rows_of_the_data_in_their_order(tmp_path, write):
    data = write(tmp_path / "bin", ROWS)
    out = draw(data, tmp_path / "out", "--percentage=25")
    manifest = Manifest.load(out)
    assert {lang: entry.rows for lang, entry in manifest.splits["train"].items()} == {
        "en": 10, "de": 10
    }  # fmt: skip
    for lang in ("en", "de"):
        streams = manifest.splits["train"][lang].streams
        whole = list(zip(*(rows_of(data, f"train.{lang}.{x}") for x in streams)))
        part = list(zip(*(rows_of(out, f"train.{lang}.{x}") for x in streams)))
        places = [whole.index(row) for row in part]
        assert places == sorted(places) and len(set(places)) == 10
    for split in ("valid", "test"):
        assert manifest.splits[split] == Manifest.load(data).splits[split]
        name = f"{split}.de.input.bin"
        assert (out / name).read_bytes() == (data / name).read_bytes()


def parallel(folder):
    """The German rows' counterparts are the English rows, in another order."""
    data = write_pair_data(folder, ROWS)
    english = rows_of(data, "train.en.input")
    order = [(7 * row + 3) % 40 for row in range(40)]
    counterparts = (np.array(english[row]) for row in order)
    write_rows(str(data / "train.de.source"), 1000, counterparts)
    return data


def test_other_shares_of_the_target_stand_beside_one_of_the_source(tmp_path):
    data = parallel(tmp_path / "bin")
    outs = [
        draw(data, tmp_path / str(seed), "--percentage=25", f"--target-seed={seed}")
        for seed in (1, 2, 3)
    ]
    assert len({str(rows_of(out, "train.en.input")) for out in outs}) == 1
    assert len({str(rows_of(out, "train.de.input")) for out in outs}) == 3
    for out in outs:
        counterparts = rows_of(out, "train.de.source")
        assert not set(counterparts) & set(rows_of(out, "train.en.input"))


@pytest.mark.parametrize("seed", range(5))
def test_the_target_is_no_translation_of_the_source(tmp_path, seed):
    data = parallel(tmp_path / "bin")
    out = draw(data, tmp_path / "out", "--percentage=50", f"--seed={seed}")
    source = set(rows_of(out, "train.en.input"))
    counterparts = rows_of(out, "train.de.source")
    assert len(counterparts) == 20 and not source & set(counterparts)


def test_the_seed_decides(tmp_path):
    data = parallel(tmp_path / "bin")
    texts = [
        rows_of(draw(data, tmp_path / name, "--percentage=20", seed), "train.de.input")
        for name, seed in (("a", "--seed=1"), ("b", "--seed=1"), ("c", "--seed=2"))
    ]
    assert texts[0] == texts[1] != texts[2]


def test_more_than_there_is_is_refused(tmp_path):
    data = parallel(tmp_path / "bin")
    with refused("16 rows are no translations .*24 are to be"):
        draw(data, tmp_path / "out", "--percentage=60")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--percentage=0"], "--percentage 0: give a value above 0"),
        (["--percentage=101"], "--percentage 101: give a value above 0"),
        (["--percentage=5", "--target-lang=fr"], "no split train in fr"),
        (["--percentage=5", "--target-split=what"], "no split what in de"),
    ],
)
def test_wrong_option_is_refused(tmp_path, options, message):
    data = write_pair_data(tmp_path / "bin", ROWS)
    with refused(message):
        draw(data, tmp_path / "out", *options)


def test_a_folder_that_exists_is_kept(tmp_path):
    data = write_pair_data(tmp_path / "bin", ROWS)
    (tmp_path / "out").mkdir()
    with refused("is there already"):
        draw(data, tmp_path / "out", "--percentage=5")
