"""Sentences a second of the vicinity generator against a masked word at a time.

The usual way calls fairseq's ``XLMRModel.fill_mask`` once for every masked word: one
sentence at a time, with logits over the whole vocabulary at every position. Ours is
what ``multimix_augment`` runs. Both mask the same words of the same sentences in the
same order, with the same model: XLM-R-base's or -large's shape, its vocabulary of
250,002, random weights. Words are one piece each, so that both make as many
predictions. They alternate; the ratio is the median over rounds.

    python examples/benchmarks/augment.py
    python examples/benchmarks/augment.py --shape large --device cuda --precision bf16
"""

import argparse
import statistics
import sys
import time
from argparse import Namespace
from types import SimpleNamespace
from typing import Callable, List

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.models.roberta import XLMRModel
from fairseq.models.roberta.hub_interface import RobertaHubInterface
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

import fairseq_xling  # noqa: F401
from fairseq_xling.multimix.decoding import Decoding
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.masked_words import choose_units, sample_generator
from fairseq_xling.multimix.parts import Sample
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.multimix.successive import Limits, SuccessiveGenerator
from fairseq_xling.multimix.variants import Augmentation, GenLM

VOCABULARY = 250_002
PERCENTAGE = 30
SHAPES = {"base": (12, 768, 12), "large": (24, 1024, 16)}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Words:
    """Stands for SentencePiece, which then costs the usual way nothing."""

    def encode(self, text: str) -> str:
        """Mark where words begin."""
        return " ".join("\u2581" + word for word in text.split())

    def decode(self, text: str) -> str:
        """Take the marks away."""
        return text.replace("\u2581", "")


def build(args: argparse.Namespace) -> RobertaHubInterface:
    """A model with random weights, behind fairseq's interface."""
    layers, dim, heads = SHAPES[args.shape]
    dictionary = Dictionary()
    for index in range(VOCABULARY - len(dictionary) - 1):
        dictionary.add_symbol(f"\u2581w{index}")
    dictionary.add_symbol("<mask>")
    task = SimpleNamespace(
        source_dictionary=dictionary,
        mask_idx=dictionary.index("<mask>"),
        max_positions=lambda: 512,
    )
    torch.manual_seed(1)
    options = Namespace(
        encoder_layers=layers,
        encoder_embed_dim=dim,
        encoder_ffn_embed_dim=4 * dim,
        encoder_attention_heads=heads,
        max_positions=512,
    )
    model = XLMRModel.build_model(options, task)
    model = model.to(args.device, PRECISIONS[args.precision])
    hub = RobertaHubInterface(Namespace(bpe=None), task, model).eval()
    hub.bpe = Words()
    return hub


def draw(count: int, dictionary: Dictionary, seed: int) -> List[Sample]:
    """Sentences of 20 to 40 words."""
    random = np.random.default_rng(seed)
    lengths = random.integers(20, 41, count)
    return [
        Sample(
            "train.en",
            row,
            np.concatenate([[0], random.integers(4, VOCABULARY - 1, length), [2]]),
            None,
        )
        for row, length in enumerate(lengths)
    ]


def usual(hub: RobertaHubInterface, samples: List[Sample]) -> List[List[str]]:
    """One ``fill_mask`` call a masked word."""
    symbols = hub.task.source_dictionary.symbols
    results = []
    with torch.inference_mode():
        for sample in samples:
            words = [symbols[token][1:] for token in sample.tokens[1:-1]]
            random = sample_generator(1, sample.stream, sample.row)
            ones = np.ones(len(words), int)
            ((units, _),) = choose_units(random, ones, PERCENTAGE, 1)
            for unit in units:
                words[unit] = "<mask>"
                ((_, _, filling),) = hub.fill_mask(" ".join(words), topk=1)
                words[unit] = filling.strip()
            results.append(words)
    return results


def ours(gen_lm: GenLM, samples: List[Sample]) -> List[List[str]]:
    """All sentences at once."""
    symbols = gen_lm.table.symbols
    return [
        [symbols[token][1:] for token in variants[0].filled.tokens[1:-1]]
        for variants in gen_lm.generate(samples)
    ]


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def seconds(run: Callable[[], object], device: str) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def peak(device: str, precision: str) -> float:
    """Operations a second that a large matrix product reaches here."""
    size = 8192 if device == "cuda" else 2048
    a = torch.randn(size, size, device=device).to(PRECISIONS[precision])
    run = lambda: [a @ a for _ in range(5)]  # noqa: E731
    run()
    return 5 * 2 * size**3 / min(seconds(run, device) for _ in range(3))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="base")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=256, help="of ours, a round")
    parser.add_argument("--usual-sentences", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: --device cuda: there is no GPU here")
    torch.set_num_threads(args.threads)
    hub = build(args)
    dictionary = hub.task.source_dictionary
    augmentation = Augmentation("successive-max", PERCENTAGE, (1,), "word", 1, True)
    generator = SuccessiveGenerator(
        MaskedLM(hub.model, dictionary),
        PieceTable(dictionary),
        Decoding(),
        Limits(args.max_tokens, None),
    )
    gen_lm = GenLM(generator, augmentation)
    few, many = args.usual_sentences, args.sentences
    warm = draw(2, dictionary, 0)
    same = total = 0
    for one, other in zip(usual(hub, warm), ours(gen_lm, warm)):
        same += sum(a == b for a, b in zip(one, other))
        total += len(one)
    rates: List[List[float]] = [[], []]
    for number in tqdm(range(args.rounds), unit="round"):
        samples = draw(many, dictionary, number + 1)
        # The usual way takes some of these sentences, as long as the others on average.
        by_length = sorted(samples, key=lambda sample: len(sample.tokens))
        picked = by_length[many // (2 * few) :: many // few][:few]
        rates[0].append(few / seconds(lambda: usual(hub, picked), args.device))  # noqa: B023
        rates[1].append(many / seconds(lambda: ours(gen_lm, samples), args.device))  # noqa: B023
    best = peak(args.device, args.precision)
    counted = [
        operations(lambda: usual(hub, picked)) / few,
        operations(lambda: ours(gen_lm, samples)) / many,
    ]
    for name, rate, count in zip(("fill_mask", "ours"), rates, counted):
        speed = statistics.median(rate)
        print(
            f"{name}: {speed:.2f} sentences/s; {count / 1e9:.1f} G operations a "
            f"sentence, {speed * count / 1e9:.1f} G operations/s, "
            f"{speed * count / best:.0%} of a large matrix product's"
        )
    ratio = statistics.median(b / a for a, b in zip(*rates))
    print(f"ratio (median of rounds) {ratio:.1f}; same words {same} of {total}")


if __name__ == "__main__":
    main()
