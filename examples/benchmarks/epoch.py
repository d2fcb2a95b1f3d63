"""Pairs a second with length-bucketed batches against padding everything to 128.

Both ways train the same model on the same synthetic pairs, whose lengths follow XNLI's
(log-normal, about 40 pieces a pair of premise and hypothesis, at most 128). The first
takes the batches of the task's own dataset; the second takes rows in random order and
pads each batch to 128, as fine-tuning scripts commonly do. They alternate, batch by
batch, within one run.

With ``--start-up``, what a training does before its first batch: windows of questions'
passages, and the answers that none of them holds, for all rows together against one
after the other; and scheduled sampling's draws of a batch, against a generator a row.
"""

import argparse
import json
import time
from types import SimpleNamespace
from typing import Dict, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from train_step import build_ours, set_up

from fairseq_xling.data.scheduled_sampling import uniform_draws
from fairseq_xling.data.sequences import Ragged
from fairseq_xling.data.streams import Streams
from fairseq_xling.families.pairs.dataset import SentencePairDataset
from fairseq_xling.families.questions.dataset import SpanDataset
from fairseq_xling.predictor.texts import ArrayStream

WIDTH, MEAN, SPREAD = 128, 40, 0.45
# Of XQuAD's fine-tuning.
WINDOW, STRIDE, QUESTION, SPECIALS = 384, 128, 64, 4


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


def make_questions(rows: int, seed: int) -> Streams:
    """Questions of about 15 tokens about passages of about 160, some of them long."""
    generator = np.random.default_rng(seed)
    contexts = np.clip(generator.lognormal(5, 0.5, rows), 20, 1500).astype(np.int64)
    questions = np.clip(generator.lognormal(2.6, 0.4, rows), 3, 90).astype(np.int64)
    first = (generator.random(rows) * contexts).astype(np.int64)
    last = np.minimum(first + generator.integers(0, 6, rows), contexts - 1)
    span = np.stack([first, last], 1) + (questions + SPECIALS - 1)[:, None]
    ones = np.ones(rows, np.int64)
    sizes = questions + contexts + SPECIALS
    return Streams(
        "de",
        Sequences(sizes, 4, seed),
        context_length=ArrayStream(Ragged(contexts, ones)),
        span=ArrayStream(Ragged(span.ravel(), 2 * ones)),
    )


def lost_answers(streams: Streams) -> Tuple[int, int]:
    """How many windows there are, and answers that none holds; as training does."""
    dataset = SpanDataset(
        [streams], [1], 1, 2, max_length=WINDOW, split="train", doc_stride=STRIDE,
        max_question_length=QUESTION, whole_rows=False,
    )  # fmt: skip
    return len(dataset), dataset.answers_in_no_window(streams)


def lost_answers_by_row(streams: Streams) -> Tuple[int, int]:
    """The same, row by row."""
    count = lost = 0
    for row in range(len(streams)):
        context = int(streams.context_length[row][0])
        question = int(streams.input.sizes[row]) - context - SPECIALS
        capacity = WINDOW - SPECIALS - min(question, QUESTION)
        windows = [(0, min(capacity, context))]
        while windows[-1][1] < context:
            begin = windows[-1][0] + STRIDE
            windows.append((begin, min(begin + capacity, context)))
        first, last = (streams.span[row] - (question + SPECIALS - 1)).tolist()
        count += len(windows)
        lost += not any(a <= first and last < b for a, b in windows)
    return count, lost


def draws_by_row(seed: int, update: int, rows: np.ndarray) -> np.ndarray:
    """Scheduled sampling's draws, of a generator a row."""
    return np.array(
        [np.random.default_rng((seed, update, row)).random() for row in rows.tolist()]
    )


def compare_start_up(rows: int, seed: int) -> Dict[str, float]:
    """How many times as fast each is, and its own time in microseconds a row."""
    streams = make_questions(rows, seed)
    calls = {"questions": (rows, lost_answers, lost_answers_by_row, (streams,), 3)}
    for size in (16, 64, 512):
        batch = np.arange(size) + rows
        given = (seed, 5000, batch)
        calls[f"draws_{size}"] = (size, uniform_draws, draws_by_row, given, 30)
    result = {}
    for name, (count, ours, theirs, given, rounds) in calls.items():
        spent = np.zeros((rounds, 2))
        for turn in range(rounds):
            found = []
            for way, function in enumerate((ours, theirs)):
                start = time.perf_counter()
                found.append(function(*given))
                spent[turn, way] = time.perf_counter() - start
            assert np.array_equal(*found), name
        best = spent.min(axis=0)
        result[f"{name}_us_a_row"] = best[0] / count * 1e6
        result[f"{name}_ratio"] = best[1] / best[0]
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=12, help="measured, of each")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--start-up", action="store_true", help="measure that alone")
    args, device, dictionary = set_up(parser)
    if args.start_up:
        result = compare_start_up(args.rows, args.seed)
        lines = "\n".join(f"{key:24}{value:10.2f}" for key, value in result.items())
        print(json.dumps(result) if args.json else lines)
        return
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
