"""Updates of trainings, counted from the options that they get."""

import pytest
from refusals import refused

from fairseq_xling.multimix.recipe import COMMON, RECIPES
from fairseq_xling.multimix.updates import read_options, schedule

XNLI = 392_702


def words(task, kind="adaptation", *more):
    recipe = RECIPES[f"multimix_{task}"]
    return [
        "data", f"--task=multimix_{task}", "--arch=xmixup_xlmr_large",
        "--criterion=confidence_penalty", *COMMON, *recipe.common,
        *getattr(recipe, kind), *more,
    ]  # fmt: skip


def planned(task, rows, kind="adaptation", *more):
    given = words(task, kind, *more)
    return read_options([*given, *schedule(given, rows)])


@pytest.mark.parametrize(
    "task, rows, kind, updates, warm_up, interval",
    [
        ("xner", 2768, "adaptation", 173, 17, 50),
        ("xnli", 2 * XNLI, "adaptation", 24_543, 2454, 25),
        ("xnli", 2 * (XNLI * 5 // 100), "adaptation", 1227, 122, 25),
        ("xner", 20_000, "warm_up", 3000, 200, 50),
        ("xnli", XNLI, "warm_up", 3000, 300, 50),
    ],
)
def test_recipes_have_the_updates_and_validations_of_table_7(
    task, rows, kind, updates, warm_up, interval
):
    said = planned(task, rows, kind)
    assert (said.max_update, int(said.total_num_update)) == (updates, updates)
    assert said.warmup_updates == warm_up
    assert said.validate_interval_updates == said.save_interval_updates == interval
    assert said.distributed_world_size == 1
    batch = said.batch_size * said.update_freq[0]
    assert batch == {"xner": {"adaptation": 16}.get(kind, 20), "xnli": 32}[task]


@pytest.mark.parametrize(
    "options, updates",
    [
        (["--distributed-world-size", "4"], 25),
        (["--batch-size", "20"], 20),
        (["--max-sentences", "50"], 8),
        (["--update-freq", "1"], 400),
        (["--max-epoch", "3"], 300),
        (["--max-epoch", "0"], 100),
        (["--update-freq", "4,8", "--max-epoch", "3"], 200),
        (["--max-epoch", "3", "--max-update", "7"], 7),
        (["--max-epoch", "3", "--max-update", "1000"], 300),
        (["--max-update", "7", "--max-tokens", "100"], 7),
        (["--batch-size", "10000"], 1),
    ],
)
def test_every_option_that_makes_an_update_larger_is_counted(options, updates):
    assert planned("xner", 1600, "adaptation", *options).max_update == updates


def test_what_is_given_is_not_replaced():
    options = [
        "--warmup-updates=0",
        "--total-num-update=9",
        "--save-interval-updates=3",
    ]
    said = planned("xner", 1600, "adaptation", *options)
    assert (said.warmup_updates, int(said.total_num_update)) == (0, 9)
    assert said.save_interval_updates == 3


@pytest.mark.parametrize(
    "options, message",
    [
        (["--max-tokens", "100"], "--max-tokens: an epoch's updates cannot be counted"),
        (["--batch-size", "0"], "--batch-size, .*: give 1 or more"),
        (["--update-freq", "4,0"], "--update-freq and .*: give 1 or more"),
        (["--distributed-world-size", "0"], "give 1 or more"),
        (["--learning-rate", "1"], "unrecognized arguments: --learning-rate"),
        (["--lr", "none"], "argument --lr: "),
    ],
)
def test_what_cannot_be_counted_is_refused(options, message):
    with refused(message):
        schedule(words("xner", "adaptation", *options), 1600)
