"""Cost of distillation: a pass of xling-distill against plain forward passes.

Ours predicts a pool of tagged sentences and writes labels, confidences and losses; the
other runs the same model over the same batches and keeps nothing. The two alternate;
the ratio is the median over rounds. Then ``--memory`` runs the whole pass over a small
pool and one ten times as large, each in a process of its own, with a mini model, and
compares their peak resident memory.

    python examples/benchmarks/distill.py [--memory] [--shape base|mini]
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Tuple

import numpy as np
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from tqdm import tqdm

import fairseq_xling  # noqa: F401
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.models.xmixup_xlmr import (
    XMixupXLMRModel,
    xmixup_xlmr_base,
    xmixup_xlmr_mini,
)
from fairseq_xling.multimix.pool_predictions import (
    labels_per_row,
    predict_rows,
    write_predictions,
)
from fairseq_xling.tasks import MultiMixXNERTask
from fairseq_xling.tasks.multimix import MultiMixXNERConfig
from fairseq_xling.version import __version__

TAGS = ["B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O"]
SHAPES = {"mini": (xmixup_xlmr_mini, 8_000), "base": (xmixup_xlmr_base, 250_002)}


def write_pool(folder: Path, rows: int, vocabulary: int) -> None:
    """Sentences of 5 to 40 words of one or two pieces, without tags."""
    random = np.random.default_rng(1)
    folder.mkdir()
    symbols, labels = Dictionary(), Dictionary()
    for index in range(vocabulary - len(symbols) - 1):  # <mask> is added when read
        symbols.add_symbol(f"w{index}")
    for tag in TAGS:
        labels.add_symbol(tag)
    symbols.save(str(folder / "dict.txt"))
    labels.save(str(folder / "label.dict.txt"))
    text = StreamWriter(stream_prefix(folder, "train", "en", "input"), vocabulary)
    words = StreamWriter(stream_prefix(folder, "train", "en", "word_starts"), 1 << 15)
    for _ in range(rows):
        pieces = random.integers(1, 3, random.integers(5, 41))
        starts = 1 + np.cumsum(pieces) - pieces
        body = random.integers(4, vocabulary, pieces.sum())
        tokens = np.concatenate([[0], body, [2]])
        text.write(tokens, np.array([len(tokens)]))
        words.write(starts, np.array([len(starts)]))
    text.close()
    words.close()
    entry = SplitEntry(rows, ["input", "word_starts"])
    Manifest(
        "panx", "en", ["en"], TAGS, {"train": {"en": entry}}, vocabulary, "", "",
        __version__,
    ).save(folder)  # fmt: skip


def build(folder: Path, shape: str) -> Tuple[Any, Any, Any]:
    """Task, model with random weights, and the pool's dataset."""
    cfg = OmegaConf.structured(MultiMixXNERConfig)
    options = {"data": str(folder), "seed": 1, "train_subset": "train"}
    task = MultiMixXNERTask.setup_task(OmegaConf.merge(cfg, options))
    args = argparse.Namespace(max_positions=512, mixup_layer="0")
    SHAPES[shape][0](args)
    torch.manual_seed(1)
    model = XMixupXLMRModel.build_model(args, task)
    task.family.build_head(model)
    dataset = task.open_dataset([("train", "en")], set(), is_train=False)
    return task, model.eval(), dataset


@torch.no_grad()
def plain(task: Any, model: Any, dataset: Any, options: Any) -> None:
    """Forward passes over the batches that the distillation reads."""
    batches = task.get_batch_iterator(
        dataset,
        max_sentences=options.batch_size,
        max_positions=task.max_positions(),
    )
    for sample in batches.next_epoch_itr(shuffle=False):
        task.family.forward(model, sample)


def ours(task: Any, model: Any, dataset: Any, options: Any, folder: Path) -> None:
    """The distillation's pass."""
    predicted = predict_rows(task, model, dataset, options, "train.en")
    write_predictions(folder, {}, labels_per_row(dataset.streams[0]), predicted)


def peak(folder: Path, out: Path, batch_size: int, result: Any) -> None:
    """Run the pass, and tell the process's largest resident memory in MiB."""
    ours(*build(folder, "mini"), BatchOptions(batch_size, cpu=True), out)
    result.value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="base")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--memory-samples", type=int, default=100_000)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if args.memory:
            peaks = []
            spawn = multiprocessing.get_context("spawn")
            for rows in (args.memory_samples // 10, args.memory_samples):
                write_pool(folder / f"{rows}", rows, SHAPES["mini"][1])
                value = spawn.Value("d")
                where = (folder / f"{rows}", folder / f"out{rows}")
                process = spawn.Process(
                    target=peak, args=(*where, args.batch_size, value)
                )
                process.start()
                process.join()
                peaks.append(value.value)
                print(f"{rows} samples: {value.value:.0f} MiB")
            print(f"ratio {peaks[1] / peaks[0]:.3f}")
            return
        write_pool(folder / "pool", args.samples, SHAPES[args.shape][1])
        task, model, dataset = build(folder / "pool", args.shape)
        options = BatchOptions(args.batch_size, cpu=True)
        plain(task, model, dataset, options)
        ratios = []
        for _ in tqdm(range(args.rounds), unit="round"):
            begin = time.perf_counter()
            plain(task, model, dataset, options)
            middle = time.perf_counter()
            ours(task, model, dataset, options, folder / "out")
            end = time.perf_counter()
            ratios.append((end - middle) / (middle - begin))
    print(
        f"{args.samples} samples, {args.shape}: a pass of xling-distill takes "
        f"{statistics.median(ratios):.3f} times a plain forward pass"
    )


if __name__ == "__main__":
    main()
