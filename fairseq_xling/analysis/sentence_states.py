"""Mean states of a split's rows after each layer, with and without mixup."""

from functools import partial
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import BaseWrapperDataset
from torch import Tensor

from fairseq_xling.analysis.models import Inputs
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import predict_batches
from fairseq_xling.models.encoder import count_tokens

# A target is encoded by itself, or mixed with its source as at inference (4.3).
ALONE, MIXED = "alone", "mixed"


class RowStates(NamedTuple):
    """A batch's representations: means over the tokens that are not special.

    Of a text that is read in windows, each window counts as a row.

    Attributes:
        target: after each of some layers, ``(batch, layers, dim)``.
        source: of the counterparts of the first rows, ``(pairs, layers, dim)``.
        row: the rows' numbers in their data, ``(batch,)``.
    """

    target: Tensor
    source: Tensor
    row: np.ndarray


class SomeRows(BaseWrapperDataset):
    """A dataset of which some rows are read: the same ones in every language."""

    def __init__(self, dataset: Any, most: Optional[int], seed: int) -> None:
        super().__init__(dataset)
        chosen = np.random.default_rng(seed).permutation(len(dataset))[:most]
        self.is_chosen = np.zeros(len(dataset), bool)
        self.is_chosen[chosen] = True

    def ordered_indices(self) -> np.ndarray:
        order = self.dataset.ordered_indices()
        return order[self.is_chosen[order]]


def read_states(
    task: Any,
    model: Any,
    lang: str,
    way: str,
    layers: Sequence[int],
    inputs: Inputs,
    with_source: bool = True,
) -> Iterator[RowStates]:
    """Represent a split's rows in one language, batch by batch.

    Args:
        task, model: as loaded for the data.
        lang: which language.
        way: ``"alone"`` or ``"mixed"``.
        layers: which to keep, 0 for the embeddings.
        inputs: which rows.
        with_source: whether to read counterparts where they are not mixed in.
    """
    reads = with_source or way == MIXED
    dataset = open_rows(task, lang, inputs, reads)
    title = f"{inputs.split}.{lang} ({way})"
    step = partial(represent, way=way, layers=layers)
    return predict_batches(task, model, dataset, inputs.batches, title, step)


@torch.no_grad()
def represent(
    sample: Dict[str, Any], model: Any, way: str, layers: Sequence[int]
) -> RowStates:
    """Represent the rows of a batch and their counterparts."""
    tokens = sample["net_input"]["src_tokens"]
    sources = sample["net_input"]["source_tokens"]
    if way == MIXED and sources is not None:
        target, source = mean_states(model, layers, tokens, sources)
    else:
        target, source = mean_states(model, layers, tokens)
        if sources is not None:
            source, _ = mean_states(model, layers, sources)
    return RowStates(target, source, sample["row"])


def open_rows(task: Any, lang: str, inputs: Inputs, with_source: bool) -> SomeRows:
    """A split's rows in one language, with their counterparts if asked."""
    paired = {"source"} if with_source else set()
    dataset = task.open_dataset([(inputs.split, lang)], paired, is_train=False)
    return SomeRows(dataset, inputs.max_rows, inputs.seed)


def mean_states(
    model: Any,
    layers: Sequence[int],
    tokens: Tensor,
    source_tokens: Optional[Tensor] = None,
) -> Tuple[Tensor, Tensor]:
    """Run a model and pool its layers' states.

    Args:
        model: in evaluation mode.
        layers: which to pool, 0 for the embeddings.
        tokens: ``(batch, len)``; rows with a source come first.
        source_tokens: the sources to mix in, ``(pairs, src_len)``, or None.

    Returns:
        ``(batch, layers, dim)`` and ``(pairs, layers, dim)``.
    """
    last, extra = model(
        tokens, source_tokens, features_only=True, return_all_hiddens=True
    )
    states = extra["inner_states"]
    if source_tokens is not None:
        last = torch.cat([last, extra["source_features"]])
    # What a model's own last norm leaves, where it has one.
    states[-1] = last.transpose(0, 1)
    streams = [tokens] if source_tokens is None else [tokens, source_tokens]
    counted = [count_tokens(stream, model.encoder.dictionary) for stream in streams]
    width = last.size(1)
    mask = torch.cat([F.pad(one, (0, width - one.size(1))) for one in counted])
    share = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    pooled = [
        torch.einsum("tbd,bt->bd", states[layer].float(), share) for layer in layers
    ]
    means = torch.stack(pooled, dim=1)
    return means[: len(tokens)], means[len(tokens) :]


def choose_layers(asked: str, depth: int) -> List[int]:
    """Read ``--layers``: ``all``, ``last``, or numbers such as ``0,6,12``."""
    if asked == "all":
        return list(range(depth + 1))
    if asked == "last":
        return [depth]
    try:
        layers = sorted({int(part) for part in asked.split(",")})
    except ValueError:
        layers = [-1]
    if layers[0] < 0 or layers[-1] > depth:
        raise UserError(
            f"--layers {asked}: give all, last, or numbers from 0 (the embeddings) to "
            f"{depth}"
        )
    return layers


def choose_layer(asked: str, depth: int) -> int:
    """Read ``--layer``: ``last``, or a number."""
    if asked == "last":
        return depth
    if not asked.isdigit() or int(asked) > depth:
        raise UserError(
            f"--layer {asked}: give last, or one number from 0 (the embeddings) to "
            f"{depth}"
        )
    return int(asked)


def ways_of(model: Any) -> List[str]:
    """How a model may encode targets: alone, and mixed where it has learned to."""
    return [ALONE, MIXED] if model.encoder.sentence_encoder.mixup_layers else [ALONE]
