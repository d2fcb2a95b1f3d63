"""X-Mixup's encoder for one pair without padding, in loops and float64."""

import math

import numpy as np
import torch


class NaiveLayer:
    """A layer of a model, read from its state dict."""

    def __init__(self, state, number, heads, eps):
        stem = f"encoder.sentence_encoder.layers.{number - 1}."
        self.weights = {
            name[len(stem) :]: value.double().numpy()
            for name, value in state.items()
            if name.startswith(stem)
        }
        self.heads = heads
        self.eps = eps

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


def softmax(row):
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def mean_entropy(scores, queries, keys):
    """Of the attention that counted queries pay to counted keys, all heads."""
    total, count = 0.0, 0
    for one in scores:
        for i in queries:
            total -= sum(p * math.log(p) for p in softmax([one[i][j] for j in keys]))
            count += 1
    return total / count if count and keys else 0.0


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
        heads = encoder.layers[number - 1].self_attn.num_heads
        eps = encoder.layers[number - 1].final_layer_norm.eps
        layer = NaiveLayer(model.state_dict(), number, heads, eps)
        target, source = map(layer.attention_sublayer, (target, source))
        if number in options["layers"]:
            context, alignment = layer.attend(target, source)
            scores = layer.head_scores(target, source)
            if options["ratio_scores"] == "hidden":
                scores = [target @ source.T / math.sqrt(target.shape[1])]
            entropy = mean_entropy(scores, *counted)
            entropy += mean_entropy([one.T for one in scores], *counted[::-1])
            ratio = options["constant"]
            if ratio is None:
                learned = encoder.layers[number - 1].mixup_ratio
                exponent = entropy * learned.weight.item() + learned.bias.item()
                ratio = learned.max_ratio / (1 + math.exp(-exponent))
            target = ratio * context + (1 - ratio) * target
            target = layer.norm("self_attn_layer_norm", target)
            found.append((ratio, entropy, alignment))
        target, source = map(layer.feed_forward, (target, source))
    return target, source, found
