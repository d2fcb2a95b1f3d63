"""``xling-join-shards``: shards become what one run would have written."""

import shutil

import pytest
from augment_data import (
    draw_pairs,
    draw_words,
    generate_command,
    generate_in_fork,
    snapshot,
    write_lm,
    write_pairs,
    write_sentences,
)
from refusals import refused

from fairseq_xling.cli.join_shards import build_parser, main


def join(folders, out):
    main(build_parser().parse_args([*map(str, folders), "--destdir", str(out)]))


def generate(data, lm, out, *options):
    options = (f"--results-path={out}", "--max-tokens=60", "--seed=3", *options)
    generate_in_fork(generate_command(data, lm, *options))
    return out


@pytest.fixture(scope="module", params=["pairs", "sentences"])
def shards(request, spm, tmp_path_factory):
    """One whole run, and the same as three shards."""
    folder = tmp_path_factory.mktemp("shards")
    lm = write_lm(folder / "lm", spm)
    draw, write = {
        "pairs": (draw_pairs, write_pairs),
        "sentences": (draw_words, write_sentences),
    }[request.param]
    rows = {lang: draw(lang, count) for lang, count in (("en", 30), ("de", 20))}
    data = write(folder / "data", spm, {"train": rows})
    whole = generate(data, lm, folder / "whole")
    parts = [
        generate(
            data,
            lm,
            folder / f"shard-{i}",
            "--distributed-world-size=3",
            f"--distributed-rank={i}",
        )
        for i in range(3)
    ]
    return whole, parts


def test_shards_joined_in_any_order_are_the_whole_run(shards, tmp_path):
    whole, parts = shards
    join(parts[::-1], tmp_path / "joined")
    expected = snapshot(whole)
    text = [name for name in expected if name.startswith("generate-")]
    assert snapshot(tmp_path / "joined") == {
        name: value for name, value in expected.items() if name not in text
    }


def test_a_missing_shard_is_named(shards, tmp_path):
    with refused("shard 1 of 3 is missing"):
        join([shards[1][0], shards[1][2]], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_shard_given_twice_or_of_another_run_is_refused(shards, tmp_path):
    whole, parts = shards
    copy = tmp_path / "copy"
    shutil.copytree(parts[0], copy)
    with refused("the same shard as"):
        join([*parts, copy], tmp_path / "joined")
    with refused("not of the same run"):
        join([parts[0], whole], tmp_path / "joined")


def test_other_folders_are_refused(shards, tmp_path):
    data = shards[0].parent / "data"
    with refused("not written by multimix_augment"):
        join([data], tmp_path / "joined")
    with refused("manifest.json: not found"):
        join([tmp_path], tmp_path / "joined")
    with refused("is there already"):
        join(shards[1], tmp_path)
