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


class FeatureExtractor:
    """Runs a model on tokenized texts in batches of similar length.

    Args:
        model: in evaluation mode; it is moved to ``device``.
        reader: names the tokens.
        batch_size: texts, or pairs of texts, that are run at once.
        device: where to run.

    Raises:
        UserError: the batch size is none.
    """

    def __init__(
        self, model: Any, reader: TextReader, batch_size: int, device: torch.device
    ) -> None:
        if batch_size < 1:
            raise UserError(f"batch_size {batch_size}: give 1 or more")
        self.model = model.to(device)
        self.reader = reader
        self.batch_size = batch_size
        self.device = device

    def features(
        self, texts: Sequence[TokenizedText], layer: Optional[int]
    ) -> List[TokenFeatures]:
        """States after a layer; see :meth:`fairseq_xling.Predictor.extract_features`.

        Raises:
            UserError: there is no such layer, or a text is too long.
        """
        depth = len(self.model.encoder.sentence_encoder.layers)
        if layer is not None and (
            not isinstance(layer, int) or not 0 <= layer <= depth
        ):
            raise UserError(
                f"layer {layer}: give 0 (the embeddings) to {depth}, or None"
            )
        check_lengths(self.model, texts, "text")
        found: List[Any] = [None] * len(texts)
        for rows in self._batches([len(text.tokens) for text in texts]):
            batch = [texts[row] for row in rows]
            states = layer_states(self.model, self._padded(batch), layer)
            for row, text, state in zip(rows, batch, states):
                found[row] = self._token_features(text, state)
        return found

    def mixed(
        self,
        targets: Sequence[TokenizedText],
        sources: Sequence[TokenizedText],
        per_head: bool,
    ) -> List[MixedPair]:
        """Pairs' states and mixing; see :meth:`fairseq_xling.Predictor.mix`.

        Raises:
            UserError: the model does not mix, or a text is too long.
        """
        mixing_layers(self.model)
        check_lengths(self.model, targets, "target")
        check_lengths(self.model, sources, "source")
        pairs = list(zip(targets, sources))
        lengths = [max(len(text.tokens) for text in pair) for pair in pairs]
        found: List[Any] = [None] * len(pairs)
        for rows in self._batches(lengths):
            batch = [pairs[row] for row in rows]
            tokens, source_tokens = (self._padded(texts) for texts in zip(*batch))
            states = inspect_mixing(self.model, tokens, source_tokens)
            for i, (row, (target, source)) in enumerate(zip(rows, batch)):
                shape = len(target.tokens), len(source.tokens)
                found[row] = MixedPair(
                    self._token_features(target, states.target[i]),
                    self._token_features(source, states.source[i]),
                    [mixed_layer(one, i, shape, per_head) for one in states.layers],
                )
        return found

    def _batches(self, lengths: Sequence[int]) -> Iterator[List[int]]:
        """Rows by length, the longest first, in batches."""
        order = np.argsort(lengths, kind="stable")[::-1].tolist()
        for first in range(0, len(order), self.batch_size):
            yield order[first : first + self.batch_size]

    def _padded(self, texts: Sequence[TokenizedText]) -> Tensor:
        """Token indices ``(len(texts), longest)``."""
        rows = [torch.from_numpy(text.tokens) for text in texts]
        padded = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True, padding_value=self.reader.dictionary.pad()
        )
        return padded.to(self.device)

    def _token_features(self, text: TokenizedText, states: Tensor) -> TokenFeatures:
        """Name tokens, and drop the states ``(width, dim)`` of padding."""
        return TokenFeatures(
            self.reader.pieces(text.tokens),
            as_array(states[: len(text.tokens)]),
            text.word_starts,
        )


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
    """Refuse texts that the model has no positions for.

    Raises:
        UserError: there is one; the message tells its number.
    """
    limit = model.max_positions()
    for number, text in enumerate(texts, 1):
        if len(text.tokens) > limit:
            raise UserError(
                f"{name} {number}: {len(text.tokens)} tokens, but the model reads "
                f"{limit}; split it"
            )
