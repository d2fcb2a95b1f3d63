"""Pairs a second with length-bucketed batches against padding everything to 128.

Both ways train the same model on the same synthetic pairs, whose lengths follow XNLI's
(log-normal, about 40 pieces a pair of premise and hypothesis, at most 128). The first
takes the batches of the task's own dataset; the second takes rows in random order and
pads each batch to 128, as fine-tuning scripts commonly do. They alternate, batch by
batch, within one run.
"""

import argparse
import json
import time
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from train_step import build_ours, set_up

from fairseq_xling.data.streams import Streams
from fairseq_xling.families.pairs.dataset import SentencePairDataset

WIDTH, MEAN, SPREAD = 128, 40, 0.45


class Sequences:
    """Random pair sequences of given lengths, with the readers' interface."""

    def __init__(self, lengths: np.ndarray, vocabulary: int, seed: int) -> None:
        self.sizes = lengths
        self.vocabulary = vocabulary
        self.seed = seed

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, row: int) -> torch.Tensor:
        generator = np.random.default_rng((self.seed, row))
        tokens = generator.integers(4, self.vocabulary - 1, self.sizes[row])
        middle = len(tokens) // 2
        tokens[[0, middle, middle + 1, -1]] = 0, 2, 2, 2
        return torch.from_numpy(tokens)


def make_dataset(rows: int, vocabulary: int, seed: int) -> SentencePairDataset:
    """Pairs whose two sides have correlated lengths, as translations do."""
    generator = np.random.default_rng(seed)
    base = generator.lognormal(np.log(MEAN) - SPREAD**2 / 2, SPREAD, rows)
    sides = [base * generator.lognormal(0, 0.12, rows) for _ in range(2)]
    lengths = [np.clip(side.round(), 8, WIDTH).astype(np.int32) for side in sides]
    labels = [torch.tensor([4 + i % 3]) for i in range(rows)]
    streams = Streams(
        "de",
        Sequences(lengths[0], vocabulary, seed),
        source=Sequences(lengths[1], vocabulary, seed + 1),
        label=labels,
    )
    return SentencePairDataset([streams], [1], 1, 2, WIDTH, True, seed, label_offset=4)


def pad_to_width(batch):
    """Pad both streams of a batch to 128 tokens."""
    for name, tokens in batch["net_input"].items():
        batch["net_input"][name] = F.pad(tokens, (0, WIDTH - tokens.size(1)), value=1)
    return batch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=12, help="measured, of each")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=8000)
    args, device, dictionary = set_up(parser)
    shape = SimpleNamespace(
        task="pairs", mixup_layer="1", layers=args.layers, ratio_scores="heads"
    )
    model, criterion = build_ours(shape, dictionary)
    model = model.to(device)
    dataset = make_dataset(args.rows, len(dictionary), args.seed)
    bucketed = dataset.batch_by_size(
        dataset.ordered_indices(), max_sentences=args.batch_size
    )
    generator = np.random.default_rng(args.seed)
    generator.shuffle(bucketed)
    mixed = generator.permutation(args.rows)

    def seconds(rows, finish) -> float:
        start = time.perf_counter()
        batch = finish(dataset.collater([dataset[row] for row in rows]))
        for name, tokens in batch["net_input"].items():
            batch["net_input"][name] = tokens.to(device)
        batch["target"] = batch["target"].to(device)
        model.zero_grad(set_to_none=True)
        criterion(model, batch)[0].backward()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    totals, pairs = np.zeros(2), np.zeros(2)
    for step in range(args.batches + 1):
        choices = (
            (bucketed[step], lambda batch: batch),
            (mixed[step * args.batch_size :][: args.batch_size], pad_to_width),
        )
        for way, (rows, finish) in enumerate(choices):
            spent = seconds(rows, finish)
            if step:  # the first batches warm up
                totals[way] += spent
                pairs[way] += len(rows)
    speeds = pairs / totals
    result = {
        "device": device,
        "mean_length": float(dataset.streams[0].input.sizes.mean()),
        "bucketed_pairs_per_second": speeds[0],
        "padded_pairs_per_second": speeds[1],
        "ratio": speeds[0] / speeds[1],
    }
    if args.json:
        print(json.dumps(result))
        return
    print(f"mean length {result['mean_length']:.1f}, {args.batches} batches each way")
    print(f"length-bucketed   {speeds[0]:.1f} pairs/s")
    print(f"padded to {WIDTH}     {speeds[1]:.1f} pairs/s")
    print(f"ratio             {result['ratio']:.2f}")


if __name__ == "__main__":
    main()
