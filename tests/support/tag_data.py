"""Small binarized tagging data."""

from pathlib import Path
from typing import Dict, Optional, Sequence

import numpy as np
import torch
from naive_losses import batches_of
from small_data import SYMBOLS, Rows, empty, setup_task, write_data
from small_model import small_model

from fairseq_xling.families.tagging.task import TaggingConfig
from fairseq_xling.tasks import XMixupPANXTask

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
    generator = np.random.default_rng(seed)

    def sentences(count: int, shift: int) -> Dict[str, Rows]:
        streams: Dict[str, Rows] = {"": [], "word_starts": [], "tags": []}
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

    def draw(split: str, lang: str, count: int) -> Dict[str, Rows]:
        is_translated = split == "train" and lang != "en"
        own = sentences(count, 0 if lang == "en" else SYMBOLS // 2)
        streams = {"input": own[""], "word_starts": own["word_starts"]}
        if is_translated:
            streams["soft_tags"] = [soft(len(one)) for one in own["tags"]]
        else:
            streams["tags"] = own["tags"]
        if lang != "en":
            for name, values in sentences(count, 0).items():
                if is_translated or not name:
                    streams[f"source_{name}".rstrip("_")] = empty(values, 5)
        if is_translated:
            streams["backtranslation"] = empty(sentences(count, 0)[""], 5, first=1)
        return streams

    rows = rows or {"train": 20, "valid": 8, "test": 8}
    return write_data(folder, task, tags, rows, languages, without, draw)


def tagging_task(data, task=XMixupPANXTask, config=TaggingConfig, **options):
    return setup_task(task, config, data, **{"max_positions": 40, **options})


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
    for batch in batches_of(dataset, size):
        for row in task.predict_step(dataset.collater(batch), model):
            assert (row.lang, row.row) not in found
            found[row.lang, row.row] = row
    return found
