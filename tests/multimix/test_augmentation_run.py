"""Runs over chunks of samples: resumed wherever they were killed, with one result."""

import functools
import logging
import random
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

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


# Called before each operation, if anything is; Python has no way to remove a hook.
WATCHING: List[Callable[[], None]] = []


def watch(event: str, args: Any) -> None:
    reads = event == "open" and args[1] in ("r", "rb")
    if WATCHING and event in OPERATIONS and not reads:
        WATCHING[0]()


sys.addaudithook(watch)


def lost(store: VariantStore, copy: Path) -> None:
    """What the process has not handed to the system is gone."""


def written(store: VariantStore, copy: Path, more: bytes = b"") -> None:
    """Everything is on disk."""
    for file in store.files.values():
        if not file.closed:
            file.flush()
            path = Path(file.name)
            place = copy / path.relative_to(store.folder)
            place.write_bytes(path.read_bytes() + more)


def torn(store: VariantStore, copy: Path) -> None:
    """Everything is on disk, and one more line and token half."""
    written(store, copy, b'{"row": 1, "variant')


def run_and_copy(
    folders: Folders,
    copies: Dict[int, Path],
    leave: Callable[[VariantStore, Path], None] = lost,
) -> int:
    """Run to the end, and copy what is on disk before some of the file operations.

    A process that was killed then had left that.

    Args:
        copies: where to, by the operation's number from 1.
        leave: what becomes of what is not on disk yet.

    Returns:
        the number of operations.
    """
    stores: List[VariantStore] = []
    describe, create = store_module.describe, VariantStore._open
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen in copies and folders.out.exists():
            WATCHING.clear()  # what follows is no operation of the run
            shutil.copytree(folders.out, copies[seen])
            for store in stores:
                leave(store, copies[seen])
            WATCHING.append(tick)

    def describe_and_tick(*args):
        tick()
        return describe(*args)

    def open_and_keep(store):
        stores.append(store)
        create(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "describe", describe_and_tick)
        patch.setattr(VariantStore, "_open", open_and_keep)
        WATCHING.append(tick)
        try:
            run_all(folders)
        finally:
            WATCHING.clear()
    return seen


# Sentences of words have every file that pairs have, and one more.
@pytest.mark.parametrize("folders", [True], ids=["words"], indirect=True)
def test_killed_at_any_moment_the_next_run_ends_the_same(folders, tmp_path):
    """Also killed twice: the second time while it makes up for the first."""
    whole = folders._replace(out=tmp_path / "whole")
    moments = run_and_copy(whole, {})
    # Opening, six chunks, and finishing: every file of each.
    assert moments > 60
    want = snapshot(whole.out)
    ways, generator = (lost, written, torn), random.Random(0)
    for turn, leave in enumerate(ways):
        once = folders._replace(out=tmp_path / f"once{turn}")
        outs = {n: tmp_path / f"{n}" for n in range(1 + turn, moments + 1, len(ways))}
        assert run_and_copy(once, outs, leave) == moments
        assert snapshot(once.out) == want
        for moment, out in outs.items():
            mine = folders._replace(out=out)
            if moment % 2:
                second, again = generator.randint(1, 60), tmp_path / f"{moment}-2"
                if run_and_copy(mine, {second: again}, leave) >= second:
                    mine = folders._replace(out=again)
            gen_lm = MadeUpGenLM()
            assert run_all(mine, gen_lm=gen_lm) == expected(folders.has_words), moment
            assert snapshot(mine.out) == want, moment
            assert len(gen_lm.asked) == len(set(gen_lm.asked))


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
    del run  # with its open files, as a killed process
    outs = {first: tmp_path / f"{first}" for first in range(1, 99)}
    assert 20 < run_and_copy(stored, outs) < 99
    for first, out in outs.items():
        if not out.exists():
            break
        seconds = {n: tmp_path / f"{first}-{n}" for n in range(1 + first % 8, 99, 8)}
        mine = stored._replace(out=out)
        seconds[0] = out
        assert run_and_copy(mine, seconds) < 99
        for two in filter(Path.exists, seconds.values()):
            assert run_all(stored._replace(out=two)) == expected(False)
            assert snapshot(two) == want, two
