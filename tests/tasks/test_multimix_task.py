"""MultiMix's task models: what they are trained on, and what they refuse."""

import json
import warnings
from collections import Counter

import numpy as np
import pytest
from omegaconf import OmegaConf
from pair_data import write_pair_data
from refusals import refused
from tag_data import write_tag_data

from fairseq_xling.data.mixture_dataset import MixtureDataset
from fairseq_xling.files.path_lists import join_paths
from fairseq_xling.tasks import MultiMixXNERTask, MultiMixXNLITask
from fairseq_xling.tasks.multimix import MultiMixXNERConfig, MultiMixXNLIConfig

ROWS = {"train": 20, "valid": 6, "test": 6}


def make_task(family, data, **options):
    config, task = {
        "pairs": (MultiMixXNLIConfig, MultiMixXNLITask),
        "tagging": (MultiMixXNERConfig, MultiMixXNERTask),
    }[family]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cfg = OmegaConf.structured(config)
    defaults = {"seed": 1, "train_subset": "train", "max_positions": 64}
    cfg = OmegaConf.merge(cfg, {**defaults, "data": str(data), **options})
    return task.setup_task(cfg)


WRITERS = {"pairs": write_pair_data, "tagging": write_tag_data}


@pytest.fixture(params=WRITERS)
def family(request):
    return request.param


def folders(family, tmp_path, **rows):
    """The data, and a smaller folder such as xling-agree writes."""
    write = WRITERS[family]
    data = write(tmp_path / "bin", ROWS)
    chosen = write(tmp_path / "chosen", {"train": 5, **rows}, ["en", "de"], seed=3)
    return data, chosen


def test_warm_up_reads_the_source_language_alone(family, tmp_path):
    data, _ = folders(family, tmp_path)
    task = make_task(family, data)
    dataset = task.load_dataset("train")
    assert len(dataset) == 20 and not isinstance(dataset, MixtureDataset)
    assert {streams.lang for streams in dataset.streams} == {"en"}
    assert {one.lang for one in task.load_dataset("valid").streams} == {
        "en", "de", "sw"
    }  # fmt: skip


def test_training_on_rows_without_labels_is_refused(family, tmp_path):
    stream = {"pairs": "label", "tagging": "tags"}[family]
    data = WRITERS[family](
        tmp_path / "bin", {"supervised": 6, **ROWS}, without=[f"supervised.de.{stream}"]
    )
    task = make_task(
        family, data, train_subset="supervised", training_set="concatenated"
    )
    with refused("supervised.*leave de out of --target-langs"):
        task.load_dataset("supervised")
    task = make_task(
        family, data, train_subset="supervised", training_set="concatenated",
        target_langs="sw",
    )  # fmt: skip
    assert len(task.load_dataset("supervised")) == 20 + 6 + 6


def test_mixture_takes_of_the_data_the_source_and_of_others_everything(
    family, tmp_path
):
    data, chosen = folders(family, tmp_path)
    task = make_task(family, data, mixture=f"{data},{chosen}", sampling_factor=1.0)
    dataset = task.load_dataset("train")
    assert [len(members) for members in dataset.members] == [20, 10]
    assert dataset.probabilities.tolist() == pytest.approx([2 / 3, 1 / 3])
    batches = task.get_batch_iterator(dataset, max_sentences=4, seed=1)
    seen: Counter = Counter()
    for sample in batches.next_epoch_itr(shuffle=True):
        seen.update(np.array(task.languages)[sample["lang"]].tolist())
        assert sample["net_input"]["source_tokens"] is None
    assert sum(seen.values()) == 30 and set(seen) <= {"en", "de"}


def test_x_mixup_models_read_the_pools_translations(family, tmp_path):
    data, chosen = folders(family, tmp_path)
    task = make_task(family, data, mixture=str(chosen), training_set="pairs")
    dataset = task.load_dataset("train")
    sample = dataset.collater([dataset[i] for i in range(10)])
    assert len(sample["net_input"]["source_tokens"]) > 0


def test_other_splits_are_the_datas_own(family, tmp_path):
    data, chosen = folders(family, tmp_path)
    task = make_task(family, data, mixture=str(chosen))
    assert not isinstance(task.load_dataset("valid"), MixtureDataset)


def change_manifest(folder, **values):
    path = folder / "manifest.json"
    contents = json.loads(path.read_text())
    contents.update(values)
    path.write_text(json.dumps(contents))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"labels": ["x", "y"]}, "--mixture .*chosen: labels x, y, but .*bin has"),
        ({"dictionary_sha256": "0"}, "chosen: binarized with another dict.txt than"),
        ({"splits": {}}, "chosen: has no rows of train in en,de,sw; leave it out"),
    ],
)
def test_folders_that_do_not_fit_are_refused(family, tmp_path, changes, message):
    data, chosen = folders(family, tmp_path)
    change_manifest(chosen, **changes)
    task = make_task(family, data, mixture=f"{data},{chosen}")
    with refused(message):
        task.load_dataset("train")


def test_a_folder_that_is_missing_is_refused(family, tmp_path):
    data, _ = folders(family, tmp_path)
    task = make_task(family, data, mixture=f"{data},{tmp_path / 'none'}")
    with refused("none/manifest.json: not found"):
        task.load_dataset("train")


def test_folder_with_a_comma_is_mixed(family, tmp_path):
    data, chosen = folders(family, tmp_path)
    odd = chosen.rename(tmp_path / 'cho,"sen')
    task = make_task(family, data, mixture=join_paths([data, odd]))
    assert len(task.load_dataset("train")) == 20 + 5 + 5
