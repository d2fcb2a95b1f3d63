"""Runs over chunks of samples: resumed wherever they were killed, with one result."""

import functools
import logging
import os
import random
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional

import pytest
from augment_data import (
    COMMON_FILES,
    STREAMS,
    MadeUpGenLM,
    made_up_samples,
    made_up_source,
    made_up_variants,
    snapshot,
)

import fairseq_xling.multimix.store as store_module
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.multimix.augmentation_run import AugmentationRun
from fairseq_xling.multimix.store import VariantStore, describe

# What changes files; a process may be killed before any of it.
OPERATIONS = (
    "open", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.mkdir", "os.chmod",
)  # fmt: skip
DIED = 77


class Folders(NamedTuple):
    source: Path
    manifest: Manifest
    out: Path
    has_words: bool


@pytest.fixture(params=[False, True], ids=["pairs", "words"])
def folders(request, tmp_path) -> Folders:
    source = tmp_path / "source"
    return Folders(source, made_up_source(source), tmp_path / "out", request.param)


def build(folders: Folders, gen_lm=None, chunks=None) -> AugmentationRun:
    store = VariantStore(folders.out, {"seed": 1}, STREAMS, folders.has_words, 120)
    finish = functools.partial(store.finish, folders.source, folders.manifest, "train")
    if chunks is None:
        chunks = [len(chunk) for chunk in made_up_samples(False)]
    return AugmentationRun(gen_lm or MadeUpGenLM(), STREAMS, chunks, store, finish)


def as_lists(made) -> List[List[Any]]:
    return [
        [{**about, "tokens": about["tokens"].tolist()} for about in one] for one in made
    ]


def run_all(folders: Folders, steps: Optional[int] = None, gen_lm=None) -> List[Any]:
    """Run to the end, or for some chunks.

    Returns:
        what every step gave.
    """
    run = build(folders, gen_lm)
    samples = made_up_samples(folders.has_words)[:steps]
    return [as_lists(run.step(chunk)) for chunk in samples]


def expected(has_words: bool) -> List[Any]:
    return [
        [
            [
                {**describe(one, x), "tokens": x.filled.tokens.tolist()}
                for x in made_up_variants(one)
            ]
            for one in chunk
        ]
        for chunk in made_up_samples(has_words)
    ]


def test_step_gives_the_variants_of_each_sample(folders):
    assert run_all(folders) == expected(folders.has_words)
    without = AugmentationRun(MadeUpGenLM(), STREAMS, [9, 2, 5], None, None)
    samples = made_up_samples(folders.has_words)
    found = [as_lists(without.step(chunk)) for chunk in samples]
    assert found == expected(folders.has_words)


@pytest.mark.parametrize("steps", range(7))
def test_run_goes_on_after_the_last_stored_chunk(folders, tmp_path, steps):
    whole = folders._replace(out=tmp_path / "whole")
    run_all(whole)
    run_all(folders, steps)
    gen_lm = MadeUpGenLM()
    assert run_all(folders, gen_lm=gen_lm) == expected(folders.has_words)
    rest = made_up_samples(folders.has_words)[steps:]
    assert gen_lm.asked == [(one.stream, one.row) for chunk in rest for one in chunk]
    assert gen_lm.counts["samples"] == 16
    assert snapshot(folders.out) == snapshot(whole.out)


def test_finished_run_is_read_and_not_made_again(folders):
    want = run_all(folders)
    before = snapshot(folders.out)
    gen_lm = MadeUpGenLM()
    assert run_all(folders, gen_lm=gen_lm) == want
    assert gen_lm.asked == [] and snapshot(folders.out) == before


def test_killed_before_finishing_is_finished_without_the_model(folders, tmp_path):
    """All chunks are stored, but not yet moved to their place."""
    whole = folders._replace(out=tmp_path / "whole")
    run_all(whole)
    run = build(folders)
    run.finish = None
    for chunk in made_up_samples(folders.has_words):
        run.step(chunk)
    assert (folders.out / "unfinished").exists()
    del run  # with its open files, as a killed process
    gen_lm = MadeUpGenLM()
    assert run_all(folders, gen_lm=gen_lm) == expected(folders.has_words)
    assert gen_lm.asked == []
    assert snapshot(folders.out) == snapshot(whole.out)


def test_shard_that_has_nothing_to_do_finishes(folders):
    for _ in range(2):
        run = build(folders, chunks=[0])
        assert run.step([]) == []
        assert Manifest.load(folders.out).splits == {"train": {}}
        names = {"manifest.json", *COMMON_FILES}
        assert set(snapshot(folders.out)) == names


def test_counts_are_those_of_the_whole_run(folders, caplog):
    with caplog.at_level(logging.INFO, "fairseq_xling"):
        run_all(folders, 3)
        assert caplog.records == []
        run_all(folders)
    (record,) = caplog.records
    variants = sum(len(one) for chunk in expected(False) for one in chunk)
    assert f"16 samples, {variants} variants, 0 duplicates dropped" in record.message
    counts = Manifest.load(folders.out).augmentation["counts"]
    assert (counts["samples"], counts["variants"]) == (16, variants)


def test_bar_counts_samples(folders):
    run = build(folders)
    samples = made_up_samples(folders.has_words)
    assert (run.bar.n, run.bar.total) == (0, 16)
    for chunk in samples[:2]:
        run.step(chunk)
    assert run.bar.n == 7
    del run  # with its open files, as a killed process
    again = build(folders)
    assert (again.bar.n, again.bar.total) == (7, 16)
    for chunk in samples:
        again.step(chunk)
    assert again.bar.n == 16


def dies(folders: Folders, moment: int, leave: Callable[[VariantStore], None]) -> bool:
    """Run in a process that ends, as if killed, before its n-th file operation.

    Args:
        moment: n, from 1.
        leave: what becomes of what is not on disk yet.

    Returns:
        whether it did not get to its end before.
    """
    child = os.fork()
    if child == 0:
        try:
            _run_and_die(folders, moment, leave)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, DIED)
    return code == DIED


def _run_and_die(folders, moment, leave) -> None:
    stores: List[VariantStore] = []
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            seen = 0  # what follows is no moment of its own
            for store in stores:
                leave(store)
            os._exit(DIED)

    def hook(event: str, args: Any) -> None:
        if event in OPERATIONS and not (event == "open" and args[1] in ("r", "rb")):
            tick()

    original, create = store_module.describe, VariantStore._open

    def describe_and_tick(*args):
        tick()
        return original(*args)

    def open_and_keep(store):
        stores.append(store)
        create(store)

    store_module.describe = describe_and_tick
    VariantStore._open = open_and_keep
    sys.addaudithook(hook)
    run_all(folders)


def lost(store: VariantStore) -> None:
    """What the process has not handed to the system is gone."""


def written(store: VariantStore) -> None:
    """Everything is on disk."""
    for file in store.files.values():
        if not file.closed:
            file.flush()


def torn(store: VariantStore) -> None:
    """Everything is on disk, and one more line and token half."""
    for file in store.files.values():
        if not file.closed:
            file.write(b'{"row": 1, "variant')
            file.flush()


# Sentences of words have every file that pairs have, and one more.
@pytest.mark.parametrize("folders", [True], ids=["words"], indirect=True)
def test_killed_at_any_moment_the_next_run_ends_the_same(folders, tmp_path):
    """Also killed twice: the second time while it makes up for the first."""
    whole = folders._replace(out=tmp_path / "whole")
    run_all(whole)
    want = snapshot(whole.out)
    generator = random.Random(0)
    moment = 1
    while True:
        mine = folders._replace(out=tmp_path / f"out{moment}")
        leave = (lost, written, torn)[moment % 3]
        if not dies(mine, moment, leave):
            break
        if moment % 2:
            dies(mine, generator.randint(1, 60), leave)
        gen_lm = MadeUpGenLM()
        assert run_all(mine, gen_lm=gen_lm) == expected(folders.has_words), moment
        assert snapshot(mine.out) == want, moment
        assert len(gen_lm.asked) == len(set(gen_lm.asked))
        moment += 1
    # Opening, six chunks, and finishing: every file of each.
    assert moment > 60 and snapshot(mine.out) == want


def test_killed_twice_while_finishing_nothing_is_left_over(tmp_path):
    """Pairs of moments from the last chunk on."""
    source = tmp_path / "source"
    stored = Folders(source, made_up_source(source), tmp_path / "stored", False)
    run_all(stored._replace(out=tmp_path / "whole"))
    want = snapshot(tmp_path / "whole")
    run = build(stored)
    run.finish = None
    for chunk in made_up_samples(False):
        run.step(chunk)

    def copy(source: Path, name: str) -> Folders:
        shutil.copytree(source, tmp_path / name)
        return stored._replace(out=tmp_path / name)

    first = 1
    while dies(one := copy(stored.out, f"{first}"), first, lost):
        second = 1 + first % 8
        while dies(two := copy(one.out, f"{first}-{second}"), second, lost):
            assert run_all(two) == expected(False)
            assert snapshot(two.out) == want, (first, second)
            second += 8
        assert snapshot(two.out) == want, (first, second)
        first += 1
    assert first > 20
