"""The vicinity generator as MultiMix tells it: loops, and one sentence at a time.

Nothing of the package is used, so that both can only agree by doing the same.
"""

import itertools
import math
import re
import zlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import torch

BEGIN = "\u2581"
SPECIAL = ("<s>", "</s>", "<pad>", "<mask>")


class Step(NamedTuple):
    """One prediction: where, what, its log-probability, and how close the choice was.

    ``margin`` is how far the second best logit is behind or, where the token is
    sampled, how far the uniform number is from that of another token.
    """

    position: int
    token: int
    log_prob: float
    margin: float


class NaiveVariant(NamedTuple):
    """A variant and the steps that made each of its parts, in their order."""

    number: Tuple[int, ...]
    tokens: List[int]
    steps: List[List[Step]]


class NaiveGenerator:
    """Makes variants.

    Args:
        model: fairseq's, in evaluation mode.
        symbols: the dictionary's, in the order of their ids.
        cache: of what the model said already, to share with other generators.
    """

    def __init__(
        self,
        model: Any,
        symbols: List[str],
        aug_type: str = "successive-max",
        percentage: int = 30,
        factors: Tuple[int, ...] = (3,),
        mask_unit: str = "word",
        seed: int = 0,
        topk: int = 1,
        temperature: float = 1.0,
        cache: Optional[Dict[Tuple[int, ...], np.ndarray]] = None,
    ) -> None:
        self.model = model
        self.symbols = symbols
        self.aug_type = aug_type
        self.percentage = percentage
        self.factors = factors
        self.mask_unit = mask_unit
        self.seed = seed
        self.topk = topk
        self.temperature = temperature
        self.known = {} if cache is None else cache
        self.eos = symbols.index("</s>")
        self.mask = symbols.index("<mask>")
        self.first, self.later = [], []
        for token, symbol in enumerate(symbols):
            if symbol in SPECIAL or symbol == "<unk>":
                continue
            if re.fullmatch(r"madeupword[0-9]{4}", symbol) or symbol == BEGIN:
                continue
            if BEGIN in symbol[1:]:
                continue
            (self.first if symbol.startswith(BEGIN) else self.later).append(token)

    def logits(self, tokens: List[int], place: int) -> List[float]:
        key = (*tokens, place)
        if key not in self.known:
            with torch.no_grad():
                out, _ = self.model(torch.tensor([tokens]), features_only=False)
            assert out.shape == (1, len(tokens), len(self.symbols))
            self.known[key] = out[0, place].numpy().copy()
        return self.known[key].tolist()

    def is_special(self, token: int) -> bool:
        return self.symbols[token] in SPECIAL

    def units(
        self, tokens: List[int], word_starts: Optional[List[int]]
    ) -> List[Tuple[List[int], bool]]:
        """Positions of each unit, and whether it begins a word."""
        words: List[List[int]] = []
        for place, token in enumerate(tokens):
            if self.is_special(token):
                continue
            if word_starts is not None:
                is_begin = place in word_starts
            else:
                is_begin = self.symbols[token].startswith(BEGIN)
                is_begin = is_begin or self.is_special(tokens[place - 1])
            if is_begin:
                words.append([])
            words[-1].append(place)
        if self.mask_unit != "piece":
            return [(word, True) for word in words]
        return [([x], x == word[0]) for word in words for x in word]

    def generate(
        self, stream: str, row: int, tokens: List[int], starts: Optional[List[int]]
    ) -> List[NaiveVariant]:
        """Every variant of a sample, duplicates too."""
        is_cross = self.aug_type == "successive-cross"
        if is_cross and starts is None:
            end = tokens.index(self.eos)
            sentences = [tokens[: end + 1], [tokens[0], *tokens[end + 2 :]]]
            parts = [(x, self.units(x, None)) for x in sentences]
        elif is_cross:
            units = self.units(tokens, starts)
            words = sum(begins for _, begins in units)
            # Units of the first half are those before its last word ends.
            bound, seen = len(units), 0
            for index, (_, begins) in enumerate(units):
                seen += begins
                if seen > words // 2:
                    bound = index
                    break
            parts = [(tokens, units[:bound]), (tokens, units[bound:])]
        else:
            parts = [(tokens, self.units(tokens, starts))]
        longest = self.model.max_positions()
        parts = [(x, units if len(x) <= longest else []) for x, units in parts]
        if not any(units for _, units in parts):
            return [NaiveVariant((), tokens, [])]
        random = np.random.default_rng(
            [self.seed % 2**32, zlib.crc32(stream.encode()), row]
        )
        made = [
            [self.fill(random, part, units) for _ in range(factor)]
            for (part, units), factor in zip(parts, self.factors)
        ]
        variants = []
        for number in itertools.product(*(range(len(x)) for x in made)):
            chosen = [x[i] for x, i in zip(made, number)]
            cells = [part for part, _ in chosen]
            if is_cross and starts is not None:
                # Each half stands in the other's place as it was.
                bound = starts[len(starts) // 2] if starts else 1
                cells = [cells[0][:bound] + cells[1][bound:]] * 2
            # Steps tell where their tokens stand in the end.
            steps = [
                [x._replace(position=len(flat(part[: x.position]))) for x in done]
                for part, (_, done) in zip(cells, chosen)
            ]
            joined = flat(cells[0])
            if is_cross and starts is None:
                joined += [self.eos, *flat(cells[1])[1:]]
            variants.append(NaiveVariant(number, joined, steps))
        return variants

    def fill(
        self, random: Any, tokens: List[int], units: List[Tuple[List[int], bool]]
    ) -> Tuple[List[List[int]], List[Step]]:
        """Mask words one at a time, and let the model fill each.

        Returns:
            what stands now at each place of the original, one token or none.
        """
        is_single = self.mask_unit == "single"
        count = 0
        if units and self.percentage > 0:
            count = max(1, len(units) * self.percentage // 100)
        order = random.permutation(len(units))[:count].tolist()
        wanted = sum(1 if is_single else len(units[i][0]) for i in order)
        uniforms = random.random(wanted).tolist()
        cells, steps = [[token] for token in tokens], []
        for i in order:
            places, begins = units[i]
            for place in places:
                cells[place] = [self.mask]
            if is_single:
                for place in places[1:]:
                    cells[place] = []
                places = places[:1]
            for place in places:
                may_begin = begins and place == places[0]
                token, log_prob, margin = self.choose(
                    self.logits(flat(cells), len(flat(cells[:place]))),
                    self.first if may_begin else self.later,
                    uniforms[len(steps)],
                )
                cells[place] = [token]
                steps.append(Step(place, token, log_prob, margin))
        return cells, steps

    def choose(
        self, logits: List[float], allowed: List[int], uniform: float
    ) -> Tuple[int, float, float]:
        top = max(logits)
        total = top + math.log(sum(math.exp(x - top) for x in logits))
        ranked = sorted(allowed, key=lambda token: -logits[token])
        if self.topk == 1:
            token = ranked[0]
            return token, logits[token] - total, logits[token] - logits[ranked[1]]
        candidates = ranked[: self.topk] if self.topk else sorted(allowed)
        scale = self.temperature
        weights = [math.exp((logits[x] - top) / scale) for x in candidates]
        aim, reached, token = uniform * sum(weights), 0.0, candidates[-1]
        margin = math.inf
        for candidate, weight in zip(candidates, weights):
            reached += weight
            margin = min(margin, abs(aim - reached) / sum(weights))
            if reached > aim:
                token = candidate
                break
        if self.topk:
            # Two that are as good as one another may change places.
            near = [logits[x] for x in ranked[: self.topk + 1]]
            margin = min([margin, *(a - b for a, b in zip(near, near[1:]))])
        return token, logits[token] - total, margin


def flat(cells: List[List[int]]) -> List[int]:
    return [token for cell in cells for token in cell]
