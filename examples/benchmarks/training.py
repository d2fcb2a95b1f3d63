"""Whole trainings: X-Mixup over B pairs, and Hugging Face's Trainer over 2B sequences.

Ours is ``fairseq-train`` with the recipes' options; theirs is one script with
``Trainer``: the same shape in fp32, batches of like length padded to their longest, its
fused optimizer, the same rows of text. Both loops take turns, update by update, with
their data, optimizer and logging; the first epoch warms up, and the second, in which
both see all rows once, is compared. With ``--before``, fairseq's Adam and the
embeddings of the whole vocabulary take the place of theirs; with
``--group-translations``, ours encodes a source once for its ``--targets``.

The physical limit is the rate of one large matrix product; the share of it is that of
the products that the model needs, three times those of a forward pass over all tokens.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import torch
from fairseq_cli.train import cli_main
from train_step import LABELS, SEEN, SHAPES, VOCABULARY, make_dictionary

from fairseq_xling.data.binarize import SplitWriter
from fairseq_xling.data.manifest import Manifest, SplitEntry
from fairseq_xling.data.sequences import Ragged

ROOT = Path(__file__).resolve().parents[2]
# Of XNLI: pieces of a pair of premise and hypothesis.
MEAN, SPREAD, LONGEST = 40, 0.45, 128
# The recipes' options, as far as they bear on the time of an update.
RECIPE = """--task xmixup_xnli --criterion xmixup --arch xmixup_xlmr_base
    --optimizer adamw_fused --adam-betas (0.9,0.999) --adam-eps 1e-8 --clip-norm 1.0
    --lr 5e-6 --lr-scheduler polynomial_decay --dropout 0.1 --attention-dropout 0.1
    --max-positions 128 --log-format simple --log-interval 100 --max-epoch 2
    --disable-validation --no-save --num-workers 0 --cpu"""
OPTIONS = ["--group-translations", "--torch-compile"]
BEFORE = ["--optimizer", "adam", "--train-embeddings", "all"]


def draw_rows(args) -> Dict[str, Any]:
    """Sources and their translations, of correlated lengths, and labels."""
    generator = np.random.default_rng(args.seed)
    seen = int(SEEN * args.vocabulary)

    def text(length: int) -> np.ndarray:
        tokens = generator.integers(4, seen, length)
        middle = length // 2
        tokens[[0, middle, middle + 1, -1]] = 0, 2, 2, 2
        return tokens

    base = generator.lognormal(np.log(MEAN) - SPREAD**2 / 2, SPREAD, args.rows)

    def side() -> List[np.ndarray]:
        lengths = base * generator.lognormal(0, 0.12, args.rows)
        return [text(n) for n in np.clip(lengths.round(), 8, LONGEST).astype(int)]

    labels = generator.integers(0, len(LABELS), args.rows)
    targets = [side() for _ in range(args.targets)]
    return {"source": side(), "targets": targets, "labels": labels}


def ragged(rows: List[np.ndarray]) -> Ragged:
    """Rows one after another."""
    return Ragged(np.concatenate(rows), np.array([len(row) for row in rows]))


def write_folder(args, folder: Path) -> None:
    """Write the rows as binarized data."""
    rows = draw_rows(args)
    symbols = make_dictionary(args.vocabulary).symbols
    for name, kept in (("dict", symbols[4:-1]), ("label.dict", LABELS)):
        (folder / f"{name}.txt").write_text("".join(f"{one} 1\n" for one in kept))
    (folder / "sentencepiece.bpe.model").write_bytes(b"not used")
    names = [f"t{number}" for number in range(args.targets)]
    streams = {"input": args.vocabulary, "source": args.vocabulary, "label": 8}
    for name, target in zip(names, rows["targets"]):
        writer = SplitWriter(folder, "train", name, streams)
        labels = Ragged(rows["labels"] + 4, np.ones(args.rows, np.int64))
        inputs = {"input": ragged(target), "source": ragged(rows["source"])}
        writer.write({**inputs, "label": labels})
        writer.close()
    entries = {name: SplitEntry(args.rows, sorted(streams)) for name in names}
    Manifest(
        "xnli", "en", ["en", *names], list(LABELS), {"train": entries},
        args.vocabulary, "", "", "",
    ).save(folder)  # fmt: skip


def train_ours(
    args, folder: str, wait: Callable[[], None], more: Sequence[str] = ()
) -> None:
    """Run fairseq-train; ``wait`` is called after each update."""
    from fairseq.trainer import Trainer

    train_step = Trainer.train_step

    def step_and_wait(*given, **others):
        found = train_step(*given, **others)
        wait()
        return found

    Trainer.train_step = step_and_wait
    layers, width, heads = SHAPES[args.shape]
    updates = 2 * -(-args.rows * args.targets // args.pairs)
    sizes = {
        "encoder-layers": layers,
        "encoder-embed-dim": width,
        "encoder-ffn-embed-dim": 4 * width,
        "encoder-attention-heads": heads,
        "batch-size": args.pairs,
        "total-num-update": updates,
        "seed": args.seed,
    }
    sys.argv = ["fairseq-train", folder, "--user-dir", str(ROOT / "fairseq_xling")]
    sys.argv += RECIPE.split() + [f"--{name}={value}" for name, value in sizes.items()]
    chosen = [x for x in OPTIONS if getattr(args, x[2:].replace("-", "_"))]
    sys.argv += more or chosen
    cli_main()


def train_before(args, folder: str, wait: Callable[[], None]) -> None:
    """Run fairseq-train as it was without what makes it faster."""
    train_ours(args, folder, wait, BEFORE)


def train_theirs(args, folder: str, wait: Callable[[], None]) -> None:
    """Run Hugging Face's Trainer; ``wait`` is called after each update."""
    from tokenizers import Tokenizer, models
    from transformers import (
        DataCollatorWithPadding,
        PreTrainedTokenizerFast,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        XLMRobertaConfig,
        XLMRobertaForSequenceClassification,
    )

    layers, width, heads = SHAPES[args.shape]
    config = XLMRobertaConfig(
        vocab_size=args.vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(LABELS),
        attn_implementation="sdpa",
    )
    rows = draw_rows(args)
    data = [
        {"input_ids": text.tolist(), "labels": int(label)}
        for target in rows["targets"]
        for pair in zip(target, rows["source"], rows["labels"])
        for text, label in ((pair[0], pair[2]), (pair[1], pair[2]))
    ]

    class Wait(TrainerCallback):
        def on_step_end(self, *given, **others):
            wait()

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 1}, "<pad>")),
        pad_token="<pad>",
    )
    options = TrainingArguments(
        folder,
        per_device_train_batch_size=2 * args.pairs,
        num_train_epochs=2,
        learning_rate=5e-6,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        group_by_length=True,
        logging_steps=100,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=args.seed,
    )
    Trainer(
        XLMRobertaForSequenceClassification(config),
        options,
        DataCollatorWithPadding(tokenizer),
        data,
        callbacks=[Wait()],
    ).train()


WAYS = {"ours": train_ours, "before": train_before, "theirs": train_theirs}


def child(way: str, args, folder: str, pipe) -> None:
    """Train, an update each time that the parent asks for one."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    started = time.perf_counter()

    def wait() -> None:
        nonlocal started
        pipe.send(time.perf_counter() - started)
        pipe.recv()
        started = time.perf_counter()

    WAYS[way](args, folder, wait)
    pipe.send(None)


def take_turns(args, folder: str) -> Dict[str, float]:
    """Seconds of the second epoch of both ways."""
    context = multiprocessing.get_context("spawn")
    ways = ("ours", "before" if args.before else "theirs")
    pipes, children = {}, []
    for way in ways:
        pipes[way], end = context.Pipe()
        call = (way, args, folder, end)
        children.append(context.Process(target=child, args=call, daemon=True))
        children[-1].start()
        end.close()  # else nobody would hear that it has failed
    updates = -(-args.rows * args.targets // args.pairs)
    spent = dict.fromkeys(ways, 0.0)
    for update in range(2 * updates):
        for way, pipe in pipes.items():
            if update:
                pipe.send("go on")
            seconds = pipe.recv()
            spent[way] += seconds if update >= updates else 0
    for pipe, one in zip(pipes.values(), children):
        pipe.send("end")
        pipe.recv()
        one.join()
    return spent


def product_rate(threads: int, size: int = 2048) -> float:
    """FLOP a second of a large matrix product, the best of five."""
    torch.set_num_threads(threads)
    one = torch.randn(size, size)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        one @ one
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def needed(args) -> float:
    """FLOP of the products of an epoch of ours, without attention's own."""
    layers, width, _ = SHAPES[args.shape]
    rows = draw_rows(args)
    tokens = sum(len(text) for target in rows["targets"] for text in target)
    times = 1 if args.group_translations else args.targets
    tokens += times * sum(len(text) for text in rows["source"])
    return 3 * 2 * tokens * layers * 12 * width**2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="e5-small")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    parser.add_argument("--rows", type=int, default=192, help="source rows")
    parser.add_argument("--targets", type=int, default=1, help="translations of each")
    parser.add_argument("--pairs", type=int, default=16, help="B")
    for option in OPTIONS:
        parser.add_argument(option, action="store_true")
    parser.add_argument("--before", action="store_true", help="against ours, before")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(args.threads), OMP_WAIT_POLICY="passive")
    with tempfile.TemporaryDirectory() as folder:
        write_folder(args, Path(folder))
        spent = take_turns(args, folder)
    ours, other = spent.values()
    rate = needed(args) / ours / product_rate(args.threads)
    pairs = args.rows * args.targets
    result = {
        "shape": args.shape,
        **{f"{way}_pairs_a_second": pairs / time for way, time in spent.items()},
        "ratio": ours / other,
        "ours_share_of_product_rate": rate,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
