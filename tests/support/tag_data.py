"""Small binarized tagging data for tests, written with fairseq's own builder."""

from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from pair_data import SYMBOLS, tiny_dictionary, write_stream
from small_model import small_model

from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.families.tagging.task import TaggingConfig
from fairseq_xling.tasks import XMixupPANXTask
from fairseq_xling.version import __version__

TAGS = ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]


def write_tag_data(
    folder: Path,
    rows: Optional[Dict[str, int]] = None,
    languages: Sequence[str] = ("en", "de", "sw"),
    seed: int = 0,
    longest: int = 8,
    task: str = "panx",
    tags: Sequence[str] = TAGS,
    without: Sequence[str] = (),
) -> Path:
    """Write data in which a word's first piece sets its tag.

    Args:
        rows: rows of each split in each language.
        longest: words of the longest sentence; a word has up to three pieces.
        without: streams, as ``"split.lang.stream"``, to leave out. A row in five has
            no source, the second one in five no back-translation.
    """
    rows = rows or {"train": 20, "valid": 8, "test": 8}
    folder.mkdir(parents=True)
    dictionary = tiny_dictionary()
    dictionary.save(str(folder / "dict.txt"))
    labels = Dictionary()
    for tag in tags:
        labels.add_symbol(tag)
    labels.save(str(folder / "label.dict.txt"))
    (folder / "sentencepiece.bpe.model").write_bytes(b"not used")
    generator = np.random.default_rng(seed)

    def sentences(count: int, shift: int) -> Dict[str, List[torch.Tensor]]:
        streams: Dict[str, List[torch.Tensor]] = {"": [], "word_starts": [], "tags": []}
        for _ in range(count):
            classes = generator.integers(0, len(tags), generator.integers(1, longest))
            tokens, starts = [0], []
            for tag in classes:
                starts.append(len(tokens))
                others = generator.integers(len(tags), SYMBOLS // 2, size=2)
                pieces = [tag, *others[: generator.integers(0, 3)]]
                tokens += [int(piece) + 4 + shift for piece in pieces]
            streams[""].append(torch.tensor([*tokens, 2]))
            streams["word_starts"].append(torch.tensor(starts))
            streams["tags"].append(torch.tensor(classes + 4))
        return streams

    def soft(words: int) -> torch.Tensor:
        probs = generator.dirichlet(np.full(len(tags), 0.5), words).astype(np.float16)
        return torch.from_numpy(probs.view(np.uint16).astype(np.int64).ravel())

    splits: Dict[str, Dict[str, SplitEntry]] = {}
    for split, count in rows.items():
        splits[split] = {}
        for lang in languages:
            is_translated = split == "train" and lang != "en"
            own = sentences(count, 0 if lang == "en" else SYMBOLS // 2)
            streams = {"input": own[""], "word_starts": own["word_starts"]}
            if is_translated:
                streams["soft_tags"] = [soft(len(one)) for one in own["tags"]]
            else:
                streams["tags"] = own["tags"]
            if lang != "en":
                source = sentences(count, 0)
                for name, values in source.items():
                    values[::5] = [torch.tensor([])] * len(range(0, count, 5))
                    if is_translated or not name:
                        streams[f"source_{name}".rstrip("_")] = values
            if is_translated:
                back = sentences(count, 0)[""]
                back[1::5] = [torch.tensor([])] * len(range(1, count, 5))
                streams["backtranslation"] = back
            kept = [s for s in streams if f"{split}.{lang}.{s}" not in without]
            for stream in kept:
                write_stream(
                    stream_prefix(folder, split, lang, stream), streams[stream]
                )
            splits[split][lang] = SplitEntry(rows=count, streams=kept)
    Manifest(
        task=task,
        source_lang="en",
        languages=list(languages),
        labels=list(tags),
        splits=splits,
        dictionary_size=len(dictionary) + 1,
        dictionary_sha256="",
        tokenizer_sha256="",
        version=__version__,
    ).save(folder)
    return folder


def tagging_task(data, task=XMixupPANXTask, config=TaggingConfig, **options):
    values = {
        "data": str(data),
        "seed": 3,
        "train_subset": "train",
        "max_update": 0,
        "max_epoch": 0,
        "update_freq": [1],
        "max_positions": 40,
        **options,
    }
    return task.setup_task(OmegaConf.merge(OmegaConf.structured(config), values))


def with_head(task, **options):
    """A small model with the task's head, in float64."""
    model = small_model(**options)
    task.family.build_head(model)
    for parameter in model.token_heads.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return model.double().eval()


def predict(task, model, dataset, size):
    """What is predicted of each language's rows, in batches of so many items."""
    found = {}
    for first in range(0, len(dataset), size):
        items = range(first, min(first + size, len(dataset)))
        batch = dataset.collater([dataset[i] for i in items])
        for row in task.predict_step(batch, model):
            assert (row.lang, row.row) not in found
            found[row.lang, row.row] = row
    return found
