"""--max-tokens below the longest item: one line, for every family and every split."""

import pytest
from pair_data import write_pair_data
from question_data import question_task, write_question_data
from refusals import refused
from tag_data import write_tag_data
from test_multimix_task import make_task


def pairs(folder):
    return make_task("pairs", write_pair_data(folder), training_set="concatenated")


def tagging(folder):
    return make_task("tagging", write_tag_data(folder), training_set="source")


def mixture(folder):
    data = write_pair_data(folder)
    return make_task("pairs", data, mixture=str(data))


def questions(folder):
    return question_task(write_question_data(folder))


def iterate(task, split, limit):
    dataset = task.dataset(split)
    most = task.max_positions()
    return task.get_batch_iterator(dataset, max_tokens=limit, max_positions=most)


@pytest.mark.parametrize("make", [pairs, tagging, mixture, questions])
def test_item_to_train_on_that_is_over_the_limit_is_told(tmp_path, make):
    task = make(tmp_path / "bin")
    task.load_dataset("train")
    dataset = task.dataset("train")
    longest = max(dataset.num_tokens(i) for i in range(len(dataset)))
    said = f"--max-tokens {longest - 1}: an item of train takes {longest} tokens"
    with refused(said):
        iterate(task, "train", longest - 1)
    assert len(iterate(task, "train", longest)) > 1


def test_validation_names_the_option_that_it_reads(tmp_path):
    task = pairs(tmp_path / "bin")
    task.load_dataset("valid")
    with refused("--max-tokens 3: an item of valid"):
        iterate(task, "valid", 3)
    task.load_dataset("train")  # as fairseq-train does before it validates
    with refused("--max-tokens-valid 3: an item of valid"):
        iterate(task, "valid", 3)


@pytest.mark.parametrize("make", [tagging, questions])
def test_whole_rows_with_all_their_windows_are_never_over_it(tmp_path, make):
    task = make(tmp_path / "bin")
    task.load_dataset("valid")
    assert len(iterate(task, "valid", 3)) > 1
