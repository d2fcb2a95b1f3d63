"""Cost of mixing: a training step over B pairs against plain XLM-R over 2B sequences.

Ours is the forward pass of both streams with mixup, X-Mixup's whole objective and the
backward pass. The other is Hugging Face's XLM-R with fused attention (SDPA), the same
shape, the same 2B sequences padded to the same length, cross-entropy and the backward
pass. The two alternate within one run; the ratio of each neighbouring pair of steps is
taken, and the median of the ratios is reported. Optimizers are left out of both.
"""

import argparse
import json
import statistics
import time
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import torch
from fairseq.data import Dictionary
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

from fairseq_xling.criterions import XMixupCriterion
from fairseq_xling.models import XMixupXLMRModel
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.models.xmixup_xlmr import xmixup_xlmr_base
from fairseq_xling.tasks.sentence_pair import HEAD_NAME

LAYERS, WIDTH, HEADS, CLASSES = 12, 768, 12, 3


def build_ours(args, dictionary):
    """Our model and criterion with XLM-R base's shape, in training mode."""
    options = Namespace(mixup_layer=args.mixup_layer, encoder_layers=args.layers)
    options.ratio_scores = args.ratio_scores
    xmixup_xlmr_base(options)
    task = SimpleNamespace(
        source_dictionary=dictionary,
        max_positions=lambda: 512,
        languages=["en", "de"],
        default_source_loss_weight=0.4,
        counted_tokens=lambda tokens: count_tokens(tokens, dictionary),
    )
    model = XMixupXLMRModel.build_model(options, task)
    model.register_classification_head(HEAD_NAME, num_classes=CLASSES)
    for parameter in model.encoder.lm_head.parameters():
        tied = parameter is model.encoder.sentence_encoder.embed_tokens.weight
        parameter.requires_grad = tied
    return model.train(), XMixupCriterion(task, None, 1.0, 1.0, "mean")


def build_theirs(args, vocabulary):
    """Hugging Face's XLM-R of the same shape, in training mode."""
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=args.layers,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=CLASSES,
        classifier_dropout=0.0,
        attn_implementation="sdpa",
    )
    return XLMRobertaForSequenceClassification(config).train()


def make_batch(args, vocabulary):
    """B targets and their B sources, of lengths around ``--length``."""
    generator = np.random.default_rng(args.seed)
    low = max(8, int(args.length * 0.6))
    lengths = generator.integers(low, args.length + 1, 2 * args.pairs)
    lengths[0] = args.length
    tokens = torch.full((2 * args.pairs, args.length), 1)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.from_numpy(
            generator.integers(4, vocabulary - 1, length)
        )
        middle = length // 2
        tokens[row, [0, middle, middle + 1, length - 1]] = torch.tensor([0, 2, 2, 2])
    labels = torch.from_numpy(generator.integers(0, CLASSES, args.pairs))
    return tokens, labels


def set_up(parser: argparse.ArgumentParser):
    """Read the options and prepare torch.

    Args:
        parser: a benchmark's own options, ``--vocabulary`` among them.

    Returns:
        the options, the device, and a dictionary of ``--vocabulary`` symbols.
    """
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dictionary = Dictionary()
    for index in range(args.vocabulary - 5):
        dictionary.add_symbol(f"w{index}")
    dictionary.add_symbol("<mask>")
    return args, device, dictionary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8, help="B")
    parser.add_argument("--length", type=int, default=64, help="tokens, padded")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--mixup-layer", default="1")
    parser.add_argument("--ratio-scores", default="heads", choices=["heads", "hidden"])
    parser.add_argument("--vocabulary", type=int, default=30000)
    parser.add_argument("--steps", type=int, default=15, help="measured, of each")
    args, device, dictionary = set_up(parser)
    ours, criterion = build_ours(args, dictionary)
    theirs = build_theirs(args, len(dictionary))
    ours, theirs = ours.to(device), theirs.to(device)
    tokens, labels = (x.to(device) for x in make_batch(args, len(dictionary)))
    sample = {
        "net_input": {
            "src_tokens": tokens[: args.pairs],
            "source_tokens": tokens[args.pairs :],
        },
        "target": labels,
        "lang": np.ones(args.pairs, int),
        "ntokens": int(tokens.ne(1).sum()),
    }
    both = torch.cat([labels, labels])

    def our_step() -> None:
        ours.zero_grad(set_to_none=True)
        criterion(ours, sample)[0].backward()

    def their_step() -> None:
        theirs.zero_grad(set_to_none=True)
        theirs(tokens, attention_mask=tokens.ne(1), labels=both).loss.backward()

    def seconds(step) -> float:
        start = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    for step in (our_step, their_step) * 2:
        step()
    times = [(seconds(our_step), seconds(their_step)) for _ in range(args.steps)]
    result = {
        "device": device,
        "pairs": args.pairs,
        "length": args.length,
        "mixup_layer": args.mixup_layer,
        "ours_seconds": statistics.median(ours for ours, _ in times),
        "hugging_face_seconds": statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ours / theirs for ours, theirs in times),
    }
    if args.json:
        print(json.dumps(result))
        return
    print(
        f"{args.pairs} pairs of {args.length} tokens, mixup in layer "
        f"{args.mixup_layer}, {args.threads} threads, {device}, {args.steps} steps each"
    )
    print(f"ours (two streams, mixup)   {result['ours_seconds']:.3f} s a step")
    print(f"Hugging Face (2B, SDPA)     {result['hugging_face_seconds']:.3f} s a step")
    print(f"ratio (median of pairs)     {result['ratio']:.3f}")


if __name__ == "__main__":
    main()
