"""Batches of all datasets: what fairseq does to them on their way to a GPU."""

from types import SimpleNamespace

import pytest
import torch
from augment_data import draw_words, write_sentences
from fairseq.data import FairseqDataset
from fairseq.utils import apply_to_sample
from parallel_data import Sequences
from small_data import tiny_dictionary
from trainer import FAMILIES, batch_of, build, write_families

import fairseq_xling.tasks  # noqa: F401
from fairseq_xling.analysis.sentence_states import SomeRows
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.mixture_dataset import MixtureDataset
from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.streams import open_streams
from fairseq_xling.data.tlm_dataset import TLMDataset
from fairseq_xling.data.token_masking import TokenMasker
from fairseq_xling.data.window_dataset import WindowDataset
from fairseq_xling.multimix.sample_dataset import SampleDataset


def parallel_batch(kind):
    rows = Sequences(torch.tensor([0, *range(10, 10 + n), 2]) for n in (3, 5, 2))
    dictionary = tiny_dictionary()
    dictionary.add_symbol("<mask>")
    is_text = kind == "text"
    dataset = TLMDataset(
        [] if is_text else [SimpleNamespace(input=rows, source=Sequences(rows[::-1]))],
        rows if is_text else None,
        TokenMasker(dictionary, 0.4),
        separators=2,
        max_length=40,
        concatenate=kind == "concatenated",
    )
    return dataset, dataset.collater([dataset[row] for row in range(3)])


@pytest.fixture(scope="module")
def batches(spm, tmp_path_factory):
    """A batch of every dataset, and the classes of the datasets."""
    folder = tmp_path_factory.mktemp("batches")
    found, classes = {}, set()
    for family, data in write_families(folder).items():
        task = build(FAMILIES[family][1], data, build_model=False).task
        for split in ("train", "valid"):
            found[f"{family} {split}"] = batch_of(task, split)
            classes.add(type(task.datasets[split]))
    for kind in ("mixup", "concatenated", "text"):
        dataset, found[kind] = parallel_batch(kind)
        classes.add(type(dataset))
    words = {"train": {"en": draw_words("en", 5)}}
    data = write_sentences(folder / "words", spm, words)
    streams = open_streams(data, Manifest.load(data), "train", "en", {"word_starts"})
    dataset = SampleDataset([streams], ["train.en"], 3, 1, 0)
    found["samples"] = dataset.collater([dataset[row] for row in range(5)])
    classes.add(type(dataset))
    return found, classes


def types(value):
    """Types all the way down."""
    if isinstance(value, dict):
        return {key: types(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value), [types(one) for one in value]
    return type(value), getattr(value, "dtype", None), getattr(value, "shape", None)


def test_no_type_changes_when_a_batch_is_moved(batches):
    for name, batch in batches[0].items():
        assert types(apply_to_sample(lambda x: x, batch)) == types(batch), name


def test_every_dataset_is_here(batches):
    todo, known = [FairseqDataset], set()
    while todo:
        known |= set(todo[-1].__subclasses__())
        todo += todo.pop().__subclasses__()
    ours = {one for one in known if one.__module__.startswith("fairseq_xling.")}
    # What others extend, and what gives the batches of what it wraps.
    assert ours - {PairedDataset, WindowDataset, MixtureDataset, SomeRows} == batches[1]


def test_lengths_are_those_of_the_rows_and_then_of_the_sources(batches):
    for name, batch in batches[0].items():
        streams = [batch["net_input"].get(x) for x in ("src_tokens", "source_tokens")]
        want = [x.ne(1).sum(dim=1).tolist() for x in streams if x is not None]
        if want:
            assert batch["lengths"].tolist() == sum(want, []), name
