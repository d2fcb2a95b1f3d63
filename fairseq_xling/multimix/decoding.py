"""From logits over the vocabulary to one token a row."""

from typing import Any, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from fairseq_xling.errors import UserError
from fairseq_xling.option_values import check_number


class Decoding(NamedTuple):
    """How a token is chosen.

    Attributes:
        topk: candidates to sample from, the paper's S: 1 takes the most probable
            token, 0 samples from the whole vocabulary.
        temperature: what logits are divided by before sampling.
    """

    topk: int = 1
    temperature: float = 1.0


def read_decoding(options: Any) -> Decoding:
    """Read fairseq's options for sampling.

    Without them, the most probable token is taken. ``--sampling`` or ``--temperature``
    alone sample from the whole vocabulary.

    Args:
        options: ``sampling``, ``sampling_topk``, ``sampling_topp``, ``temperature``.

    Raises:
        UserError: a value that cannot be, or nucleus sampling, which there is not.
    """
    if options.sampling_topp > 0:
        raise UserError(
            "--sampling-topp: not for masked language models; use --sampling-topk"
        )
    check_number("--temperature", options.temperature, above=True)
    topk = options.sampling_topk
    if topk <= 0:
        is_sampled = options.sampling or options.temperature != 1
        topk = 0 if is_sampled else 1
    return Decoding(topk, options.temperature)


def choose_tokens(
    logits: Tensor, allowed: Tensor, uniforms: Optional[Tensor], decoding: Decoding
) -> Tuple[Tensor, Tensor]:
    """Choose a token a row.

    Args:
        logits: ``(rows, vocabulary)``, changed in place.
        allowed: which tokens may be chosen, bool ``(vocabulary,)`` or
            ``(rows, vocabulary)``; of the others the next best is taken.
        uniforms: numbers in [0, 1), ``(rows,)``; not used with ``topk`` 1.
        decoding: how to choose.

    Returns:
        the tokens, and the logarithm of their probabilities among all tokens, allowed
        or not, each ``(rows,)``.

    Source: MultiMix section 3.2: successive max is S = 1.
    """
    logits = logits.float()
    total = logits.logsumexp(dim=-1)
    logits.masked_fill_(~allowed, float("-inf"))
    if decoding.topk == 1:
        best, tokens = logits.max(dim=-1)
        return tokens, best - total
    assert uniforms is not None
    candidates, ids = logits, None
    if decoding.topk > 0:
        candidates, ids = logits.topk(min(decoding.topk, logits.size(-1)), dim=-1)
    probabilities = (candidates / decoding.temperature).softmax(dim=-1)
    cumulated = probabilities.double().cumsum(dim=-1)
    # Rounding must not lead past the last candidate, nor to one of probability zero.
    reached = uniforms.double().unsqueeze(-1) * cumulated[:, -1:]
    place = torch.searchsorted(cumulated, reached, right=True)
    place = place.clamp(max=candidates.size(-1) - 1)
    tokens = place if ids is None else ids.gather(1, place)
    log_probs = candidates.gather(1, place).squeeze(1) - total
    return tokens.squeeze(1), log_probs
