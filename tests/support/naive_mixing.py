"""X-Mixup's encoder for one pair without padding, in loops and float64."""

import math

import numpy as np
import torch
from naive_losses import softmax


class NaiveLayer:
    """A layer of a model, by its number from 1."""

    def __init__(self, model, number):
        state, layer = model.state_dict(), model.encoder.sentence_encoder.layers
        layer = layer[number - 1]
        stem = f"encoder.sentence_encoder.layers.{number - 1}."
        self.weights = {
            name[len(stem) :]: value.double().numpy()
            for name, value in state.items()
            if name.startswith(stem)
        }
        self.heads = layer.self_attn.num_heads
        self.eps = layer.final_layer_norm.eps
        self.learned = getattr(layer, "mixup_ratio", None)
        self.is_normalised = getattr(layer, "is_normalised", False)

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        out = np.empty_like(x)
        for i, row in enumerate(x):
            deviation = row - row.mean()
            out[i] = deviation / math.sqrt((deviation**2).mean() + self.eps)
        return out * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def head_scores(self, queries, keys):
        """``(heads, queries, keys)``."""
        q = self.linear("self_attn.q_proj", queries)
        k = self.linear("self_attn.k_proj", keys)
        size = q.shape[1] // self.heads
        scores = np.zeros((self.heads, len(q), len(k)))
        for h in range(self.heads):
            part = slice(h * size, (h + 1) * size)
            for i in range(len(q)):
                for j in range(len(k)):
                    scores[h, i, j] = q[i, part] @ k[j, part] / math.sqrt(size)
        return scores

    def attend(self, queries, keys):
        """What queries attend to, and how: ``(heads, queries, keys)``."""
        weights = np.array(
            [[softmax(row) for row in one] for one in self.head_scores(queries, keys)]
        )
        values = self.linear("self_attn.v_proj", keys)
        size = values.shape[1] // self.heads
        context = np.concatenate(
            [
                weights[h] @ values[:, h * size : (h + 1) * size]
                for h in range(self.heads)
            ],
            axis=1,
        )
        return self.linear("self_attn.out_proj", context), weights

    def attention_sublayer(self, x):
        return self.norm("self_attn_layer_norm", x + self.attend(x, x)[0])

    def feed_forward(self, x):
        hidden = self.linear("fc1", x)
        erf = np.vectorize(math.erf)(hidden / math.sqrt(2))
        inner = self.linear("fc2", hidden * (1 + erf) / 2)
        return self.norm("final_layer_norm", x + inner)

    def mix(self, target, source, counted, ratio_scores="heads", constant=None):
        """States of both sublayers' ends, and the ratio, entropy and alignment.

        Args:
            counted: the places of the tokens of either stream that are not special.
        """
        target, source = map(self.attention_sublayer, (target, source))
        context, alignment = self.attend(target, source)
        scores = self.head_scores(target, source)
        if ratio_scores == "hidden":
            scores = [target @ source.T / math.sqrt(target.shape[1])]
        entropy = naive_alignment(scores, *counted, self.is_normalised)
        ratio = constant
        if ratio is None:
            weight, bias = self.learned.weight.item(), self.learned.bias.item()
            ratio = self.learned.max_ratio / (1 + math.exp(-entropy * weight - bias))
        target = ratio * context + (1 - ratio) * target
        target = self.norm("self_attn_layer_norm", target)
        streams = map(self.feed_forward, (target, source))
        return (*streams, (ratio, entropy, alignment))


def mean_entropy(scores, queries, keys):
    """Of the attention that counted queries pay to counted keys, all heads."""
    total, count = 0.0, 0
    for one in scores:
        for i in queries:
            total -= sum(p * math.log(p) for p in softmax([one[i][j] for j in keys]))
            count += 1
    return total / count if count and keys else 0.0


def naive_alignment(scores, targets, sources, normalised=False):
    """The entropy of the attention in both directions."""
    there = mean_entropy(scores, targets, sources)
    back = mean_entropy([one.T for one in scores], sources, targets)
    if normalised:  # by the entropy of paying all tokens the same attention
        there = there / math.log(len(sources)) if len(sources) > 1 else 0.0
        back = back / math.log(len(targets)) if len(targets) > 1 else 0.0
    return there + back


def naive_mix(model, tokens, source_tokens, options):
    """What the model does with a pair.

    Args:
        tokens, source_tokens: indices, specials included, which are 0 to 2.
        options: ``layers`` that mix, ``ratio_scores``, and ``constant`` ratio or None.

    Returns:
        states of both streams, and for each mixing layer its ratio, entropy and
        alignment by heads.
    """
    encoder = model.encoder.sentence_encoder
    rows = []
    for one in (tokens, source_tokens):
        with torch.no_grad():
            states, _ = encoder.forward_embedding(torch.tensor([one]))
        rows.append(states[0].double().numpy())
    target, source = rows
    counted = [
        [i for i, t in enumerate(one) if t > 2] for one in (tokens, source_tokens)
    ]
    found = []
    for number in range(1, len(encoder.layers) + 1):
        layer = NaiveLayer(model, number)
        if number in options["layers"]:
            ways = (options["ratio_scores"], options["constant"])
            target, source, mixing = layer.mix(target, source, counted, *ways)
            found.append(mixing)
        else:
            target, source = map(layer.attention_sublayer, (target, source))
            target, source = map(layer.feed_forward, (target, source))
    return target, source, found
