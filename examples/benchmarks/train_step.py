"""Cost of mixing: a training step over B pairs against plain XLM-R over 2B sequences.

Ours is the forward pass of both streams with mixup, X-Mixup's whole objective and the
backward pass. The other is Hugging Face's XLM-R with fused attention (SDPA), the same
shape, the same 2B sequences padded to the same length, cross-entropy and the backward
pass. The two alternate within one run; the ratio of each neighbouring pair of steps is
taken, and the median of the ratios is reported. Optimizers are left out of both.

With ``--update`` it is whole updates of X-Mixup that are compared: with ``--optimizer
adamw_fused`` and the embeddings of a tenth of the vocabulary (``--train-embeddings
seen``), and with fairseq's Adam and all embeddings. ``--memory`` tells how much memory
the weights, gradients and optimizer states of both take, without a step.
"""

import argparse
import json
import statistics
import time
from argparse import Namespace

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.optim.adam import FairseqAdam, FairseqAdamConfig
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
)

from fairseq_xling.criterions import XMixupCriterion
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.families.pairs.task import PairsConfig
from fairseq_xling.families.questions.task import QuestionsConfig
from fairseq_xling.families.tagging.task import TaggingConfig
from fairseq_xling.models.trained_rows import RowEmbedding
from fairseq_xling.models.xmixup_xlmr import xmixup_xlmr_base
from fairseq_xling.optim.adamw_fused import FusedAdamW, FusedAdamWConfig
from fairseq_xling.tasks import XMixupUDPOSTask, XMixupXNLITask, XMixupXQuADTask

WIDTH, HEADS = 768, 12
# Layers, width and heads of models with XLM-R's vocabulary.
SHAPES = {"e5-small": (12, 384, 12), "base": (12, 768, 12), "large": (24, 1024, 16)}
VOCABULARY = 250002
# The part of it that the data of a fine-tuning have.
SEEN = 0.1
LABELS = ("contradiction", "entailment", "neutral")
TAGS = tuple(f"T{number}" for number in range(17))
FAMILIES = {
    "pairs": (XMixupXNLITask, PairsConfig, LABELS),
    "tagging": (XMixupUDPOSTask, TaggingConfig, TAGS),
    "qa": (XMixupXQuADTask, QuestionsConfig, ()),
}


def build_ours(args, dictionary):
    """Our model and criterion with XLM-R base's shape, in training mode."""
    task_class, config, labels = FAMILIES[args.task]
    label_dictionary = Dictionary()
    for label in labels:
        label_dictionary.add_symbol(label)
    manifest = Manifest(
        task_class.benchmark,
        "en",
        ["en", "de"],
        list(labels),
        {},
        len(dictionary),
        "",
        "",
        "",
    )
    task = task_class(config(), manifest, dictionary, label_dictionary)
    layers, width, heads = args.layers, WIDTH, HEADS
    if getattr(args, "shape", None):
        layers, width, heads = SHAPES[args.shape]
    options = Namespace(arch="xmixup_xlmr_base", encoder_layers=layers)
    options.encoder_embed_dim, options.encoder_ffn_embed_dim = width, 4 * width
    options.encoder_attention_heads, options.mixup_layer = heads, args.mixup_layer
    options.ratio_scores = args.ratio_scores
    xmixup_xlmr_base(options)
    return task.build_model(options).train(), XMixupCriterion(
        task, None, 1.0, 1.0, "mean"
    )


def build_theirs(args, vocabulary):
    """Hugging Face's XLM-R of the same shape, in training mode."""
    labels = FAMILIES[args.task][2]
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=args.layers,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(labels) or 2,
        attn_implementation="sdpa",
    )
    kinds = {
        "pairs": XLMRobertaForSequenceClassification,
        "tagging": XLMRobertaForTokenClassification,
        "qa": XLMRobertaForQuestionAnswering,
    }
    return kinds[args.task](config).train()


def make_batch(args, vocabulary):
    """B targets and their B sources, of lengths around ``--length``.

    Returns:
        tokens ``(2B, length)``, our batch, and the labels as Hugging Face takes them.
    """
    generator = np.random.default_rng(args.seed)
    low = max(8, int(args.length * 0.6))
    lengths = generator.integers(low, args.length + 1, 2 * args.pairs)
    lengths[0] = args.length
    tokens = torch.full((2 * args.pairs, args.length), 1)
    starts, word_labels = [], torch.full((2 * args.pairs, args.length), -100)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.from_numpy(
            generator.integers(4, vocabulary - 1, length)
        )
        middle = length // 2
        marks = [0, middle, middle + 1, length - 1]
        if args.task == "tagging":
            marks = [0, length - 1]
        tokens[row, marks] = torch.tensor([0, 2, 2, 2][: len(marks) - 1] + [2])
        # Two words in three are of one piece.
        pieces = np.arange(1, length - 1)
        begins = torch.from_numpy(pieces[generator.random(len(pieces)) < 0.75])
        starts.append(begins)
        tags = torch.from_numpy(generator.integers(0, len(TAGS), len(begins)))
        word_labels[row, begins] = tags
    net_input = {
        "src_tokens": tokens[: args.pairs],
        "source_tokens": tokens[args.pairs :],
    }
    batch = {
        "net_input": net_input,
        "lang": np.ones(args.pairs, int),
        "lengths": lengths,
        "ntokens": int(tokens.ne(1).sum()),
    }
    if args.task == "pairs":
        labels = torch.from_numpy(generator.integers(0, len(LABELS), args.pairs))
        batch["target"] = labels
        return tokens, batch, {"labels": torch.cat([labels, labels])}
    if args.task == "tagging":
        padded = pad_sequence(starts, batch_first=True, padding_value=-1)
        tags = word_labels.gather(1, padded.clamp(min=0))
        probs = F.one_hot(tags.clamp(min=0), len(TAGS)) * padded.ge(0).unsqueeze(-1)
        net_input["word_starts"] = padded[: args.pairs]
        net_input["source_word_starts"] = padded[args.pairs :]
        batch["tag_probs"] = probs[: args.pairs].float()
        batch["source_tag_probs"] = probs[args.pairs :].float()
        return tokens, batch, {"labels": word_labels}
    first = torch.from_numpy(lengths // 2 + 2)
    spans = torch.stack([first, first + 1], dim=1)
    batch["span"], batch["source_span"] = spans[: args.pairs], spans[args.pairs :]
    batch["has_source_span"] = torch.ones(args.pairs, dtype=torch.bool)
    theirs = {"start_positions": spans[:, 0], "end_positions": spans[:, 1]}
    return tokens, batch, theirs


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
    return args, device, make_dictionary(args.vocabulary)


def make_dictionary(size: int) -> Dictionary:
    """A dictionary of so many symbols."""
    dictionary = Dictionary()
    for index in range(size - 5):
        dictionary.add_symbol(f"w{index}")
    dictionary.add_symbol("<mask>")
    return dictionary


def move_to(value, device: str):
    """Move all tensors in lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: move_to(entry, device) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [move_to(entry, device) for entry in value]
    return value


def make_update(args, dictionary, device, is_new):
    """A function that updates a model of ours with a batch."""
    torch.manual_seed(args.seed)
    model, criterion = build_ours(args, dictionary)
    if is_new:
        encoder = model.encoder.sentence_encoder
        ids = torch.arange(int(SEEN * len(dictionary)))
        encoder.embed_tokens = RowEmbedding(encoder.embed_tokens, ids).train()
    model = model.to(device)
    params = [p for p in model.parameters() if p.requires_grad]
    if is_new:
        optimizer = FusedAdamW(FusedAdamWConfig(lr=[1e-5]), params)
    else:
        cfg = FairseqAdamConfig(lr=[1e-5], adam_betas="(0.9, 0.999)")
        optimizer = FairseqAdam(cfg, params)

    def update(sample) -> None:
        optimizer.zero_grad()
        criterion(model, sample)[0].backward()
        optimizer.clip_grad_norm(1.0)
        optimizer.step()

    return update


def compare_updates(args, dictionary, device) -> None:
    """Measure whole updates, new and old, and print."""
    _, sample, _ = make_batch(args, int(SEEN * len(dictionary)))
    sample = move_to(sample, device)
    ways = [make_update(args, dictionary, device, is_new) for is_new in (True, False)]
    times = []
    for _ in range(args.steps + 1):
        spent = []
        for update in ways:
            start = time.perf_counter()
            update(sample)
            if device == "cuda":
                torch.cuda.synchronize()
            spent.append(time.perf_counter() - start)
        times.append(spent)
    times = times[1:]  # the first ones warm up
    ratio = statistics.median(new / old for new, old in times)
    new, old = (statistics.median(one) for one in zip(*times))
    result = {"new_seconds": new, "old_seconds": old, "ratio": ratio}
    print(json.dumps({"device": device, "shape": args.shape, **result}))


def compare_memory(args) -> None:
    """Print the memory of what does not depend on the batch, in fp32."""
    for shape in SHAPES:
        args.shape, args.vocabulary = shape, VOCABULARY
        with FakeTensorMode():
            model, _ = build_ours(args, make_dictionary(VOCABULARY))
        everything = sum(p.numel() for p in model.parameters())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        width = SHAPES[shape][1]
        rows = int(SEEN * VOCABULARY) * width
        # Weights, and gradients and two moments of what is trained.
        old = everything + 3 * trained
        new = everything + rows + 3 * (trained - VOCABULARY * width + rows)
        found = {"new_mib": new * 4 >> 20, "old_mib": old * 4 >> 20, "ratio": new / old}
        print(json.dumps({"shape": shape, **found}))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="pairs", choices=FAMILIES)
    parser.add_argument("--pairs", type=int, default=8, help="B")
    parser.add_argument("--length", type=int, default=64, help="tokens, padded")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--mixup-layer", help="default: the task's")
    parser.add_argument("--ratio-scores", default="heads", choices=["heads", "hidden"])
    parser.add_argument("--vocabulary", type=int, default=30000)
    parser.add_argument("--steps", type=int, default=15, help="measured, of each")
    parser.add_argument("--update", action="store_true", help="compare whole updates")
    parser.add_argument("--shape", choices=SHAPES, help="of --update")
    parser.add_argument("--memory", action="store_true", help="compare memory")
    args, device, dictionary = set_up(parser)
    if args.memory:
        return compare_memory(args)
    if args.update:
        return compare_updates(args, dictionary, device)
    ours, criterion = build_ours(args, dictionary)
    theirs = build_theirs(args, len(dictionary))
    ours, theirs = ours.to(device), theirs.to(device)
    tokens, sample, labels = move_to(make_batch(args, len(dictionary)), device)

    def our_step() -> None:
        ours.zero_grad(set_to_none=True)
        criterion(ours, sample)[0].backward()

    def their_step() -> None:
        theirs.zero_grad(set_to_none=True)
        theirs(tokens, attention_mask=tokens.ne(1), **labels).loss.backward()

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
        "task": args.task,
        "pairs": args.pairs,
        "length": args.length,
        "mixup_layer": ours.args.mixup_layer,
        "ours_seconds": statistics.median(ours for ours, _ in times),
        "hugging_face_seconds": statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ours / theirs for ours, theirs in times),
    }
    if args.json:
        print(json.dumps(result))
        return
    print(
        f"{args.task}: {args.pairs} pairs of {args.length} tokens, mixup in layer "
        f"{ours.args.mixup_layer}, {args.threads} threads, {device}, {args.steps} steps"
    )
    print(f"ours (two streams, mixup)   {result['ours_seconds']:.3f} s a step")
    print(f"Hugging Face (2B, SDPA)     {result['hugging_face_seconds']:.3f} s a step")
    print(f"ratio (median of pairs)     {result['ratio']:.3f}")


if __name__ == "__main__":
    main()
