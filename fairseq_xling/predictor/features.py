"""Texts' states and alignments as arrays, from batches of tokens."""

from typing import Any, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from torch import Tensor

from fairseq_xling.errors import UserError
from fairseq_xling.models.inspection import (
    LayerMixing,
    alignment_of,
    inspect_mixing,
    layer_states,
    mixing_layers,
)
from fairseq_xling.predictor.texts import TextReader, TokenizedText


class TokenFeatures(NamedTuple):
    """A text's states, specials included, without padding.

    Attributes:
        tokens: the pieces, such as ``["<s>", "▁dog", "s", "</s>"]``.
        features: their states, float32 ``(len(tokens), dim)``.
        word_starts: for a list of words, the position in ``tokens`` of each word's
            first piece, ``(words,)``; else None.
    """

    tokens: List[str]
    features: np.ndarray
    word_starts: Optional[np.ndarray] = None


class MixedLayer(NamedTuple):
    """How a layer mixed a target with its source.

    Attributes:
        layer: its number, from 1.
        ratio: the mixup ratio lambda, the share of the attended source.
        entropy: of the alignment in both directions, ``H(A) + H(A^T)`` in nats over
            tokens that are not special; an adaptive ratio is set by it.
        alignment: attention of target tokens over source tokens, float32
            ``(target_len, source_len)``, or ``(heads, target_len, source_len)``;
            every row sums to 1.
    """

    layer: int
    ratio: float
    entropy: float
    alignment: np.ndarray


class MixedPair(NamedTuple):
    """A target and its source after the last layer, and how they were mixed.

    Attributes:
        target, source: tokens and states of either stream.
        layers: of each layer that mixes, the first one first.
    """

    target: TokenFeatures
    source: TokenFeatures
    layers: List[MixedLayer]


def token_features(
    model: Any,
    reader: TextReader,
    texts: Sequence[TokenizedText],
    layer: Optional[int],
    batch_size: int,
) -> List[TokenFeatures]:
    """States after a layer; see :meth:`fairseq_xling.Predictor.extract_features`."""
    depth = len(model.encoder.sentence_encoder.layers)
    if layer is not None and (not isinstance(layer, int) or not 0 <= layer <= depth):
        raise UserError(f"layer {layer}: give 0 (the embeddings) to {depth}, or None")
    check_lengths(model, texts, "text")
    found: List[Any] = [None] * len(texts)
    for rows in batches_of([len(text.tokens) for text in texts], batch_size):
        batch = [texts[row] for row in rows]
        states = layer_states(model, padded(model, batch, reader), layer)
        for row, text, state in zip(rows, batch, states):
            found[row] = named_states(text, state, reader)
    return found


def mixed_pairs(
    model: Any,
    reader: TextReader,
    targets: Sequence[TokenizedText],
    sources: Sequence[TokenizedText],
    per_head: bool,
    batch_size: int,
) -> List[MixedPair]:
    """Pairs' states and mixing; see :meth:`fairseq_xling.Predictor.mix`."""
    mixing_layers(model)
    check_lengths(model, targets, "target")
    check_lengths(model, sources, "source")
    pairs = list(zip(targets, sources))
    found: List[Any] = [None] * len(pairs)
    lengths = [max(len(text.tokens) for text in pair) for pair in pairs]
    for rows in batches_of(lengths, batch_size):
        batch = [pairs[row] for row in rows]
        tokens, source_tokens = (padded(model, x, reader) for x in zip(*batch))
        states = inspect_mixing(model, tokens, source_tokens)
        for i, (row, (target, source)) in enumerate(zip(rows, batch)):
            shape = len(target.tokens), len(source.tokens)
            found[row] = MixedPair(
                named_states(target, states.target[i], reader),
                named_states(source, states.source[i], reader),
                [mixed_layer(one, i, shape, per_head) for one in states.layers],
            )
    return found


def batches_of(lengths: Sequence[int], batch_size: int) -> Iterator[List[int]]:
    """Rows by length, the longest first, in batches."""
    order = np.argsort(lengths, kind="stable")[::-1].tolist()
    for first in range(0, len(order), batch_size):
        yield order[first : first + batch_size]


def padded(model: Any, texts: Sequence[TokenizedText], reader: TextReader) -> Tensor:
    """Token indices ``(len(texts), longest)``, where the model is."""
    rows = [torch.from_numpy(text.tokens) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(
        rows, batch_first=True, padding_value=reader.dictionary.pad()
    ).to(next(model.parameters()).device)


def named_states(
    text: TokenizedText, states: Tensor, reader: TextReader
) -> TokenFeatures:
    """Name tokens, and drop the states ``(width, dim)`` of padding."""
    pieces = [reader.dictionary[token] for token in text.tokens]
    return TokenFeatures(pieces, as_array(states[: len(pieces)]), text.word_starts)


def mixed_layer(
    mixing: LayerMixing, row: int, shape: Sequence[int], per_head: bool
) -> MixedLayer:
    """What a layer did with one pair of a batch, whose lengths are ``shape``."""
    alignment = alignment_of(mixing.scores[row, :, : shape[0], : shape[1]])
    return MixedLayer(
        mixing.layer,
        float(mixing.ratio[row]),
        float(mixing.entropy[row]),
        as_array(alignment if per_head else alignment.mean(dim=0)),
    )


def as_array(values: Tensor) -> np.ndarray:
    """A float32 copy in memory of its own."""
    return values.float().cpu().numpy().copy()


def check_lengths(model: Any, texts: Sequence[TokenizedText], name: str) -> None:
    """Refuse texts that the model has no positions for."""
    limit = model.max_positions()
    for number, text in enumerate(texts, 1):
        if len(text.tokens) > limit:
            raise UserError(
                f"{name} {number}: {len(text.tokens)} tokens, but the model reads "
                f"{limit}; split it"
            )
