"""Binarizing XNLI's training rows: preprocess/xnli.py against the usual chain.

The rows are synthetic, as many and as long as XNLI's: a premise of about 20 words and a
hypothesis of about 10, words drawn by Zipf's law. The usual chain is that of fairseq's
RoBERTa recipes: pieces written as text by the tokenizer's own library (SentencePiece,
or ``tokenizers`` for WordPiece), then one ``fairseq-preprocess`` for each of premise,
hypothesis and label. Its inputs lie ready as one file a column, so that splitting the
table costs it nothing. The two alternate within one run, with the same number of
workers, each as processes of their own whose memory is sampled; then their ids are
compared, every row.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List

import numpy as np
import psutil
import sentencepiece
import tokenizers
from fairseq.data.indexed_dataset import MMapIndexedDataset

ROOT = Path(__file__).resolve().parents[2]
LABELS = ["contradiction", "entailment", "neutral"]
COLUMNS = {"input0": 20, "input1": 10}  # mean number of words
INVENTORY, VOCABULARY, TRAINED_ON = 60000, 8000, 20000
CHUNK, SAMPLED_EVERY = 8192, 0.05
ENCODE = """
import itertools, sys
model, source, target, workers, chunk = sys.argv[1:]
if model.endswith(".json"):
    import os, tokenizers
    os.environ["RAYON_NUM_THREADS"] = workers
    tokenizer = tokenizers.Tokenizer.from_file(model)
    def encode(lines):
        found = tokenizer.encode_batch(lines, add_special_tokens=False)
        return [one.tokens for one in found]
else:
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model)
    def encode(lines):
        return processor.encode(lines, out_type=str, num_threads=int(workers))
with open(source) as lines, open(target, "w") as out:
    while True:
        batch = [line.rstrip("\\n") for line in itertools.islice(lines, int(chunk))]
        if not batch:
            break
        out.writelines(" ".join(row) + "\\n" for row in encode(batch))
"""


def make_rows(folder: Path, rows: int, seed: int) -> None:
    """Write train-en.tsv, and each of its columns as a file of its own."""
    generator = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    sizes = generator.integers(1, 5, INVENTORY)
    words = np.array(["".join(generator.choice(syllables, n)) for n in sizes])
    shares = 1 / np.arange(1, INVENTORY + 1)
    shares /= shares.sum()
    raw, columns = folder / "raw", folder / "columns"
    raw.mkdir()
    columns.mkdir()
    files = {name: open(columns / name, "w") for name in [*COLUMNS, "label"]}
    with open(raw / "train-en.tsv", "w") as table:
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            texts = []
            for mean in COLUMNS.values():
                lengths = 1 + generator.poisson(mean - 1, count)
                drawn = words[generator.choice(INVENTORY, lengths.sum(), p=shares)]
                parts = np.split(drawn, np.cumsum(lengths)[:-1])
                texts.append([" ".join(part).capitalize() + "." for part in parts])
            texts.append([LABELS[i] for i in generator.integers(0, 3, count)])
            for file, column in zip(files.values(), texts):
                file.writelines(f"{text}\n" for text in column)
            table.writelines("\t".join(row) + "\n" for row in zip(*texts))
    for file in files.values():
        file.close()


def train_model(folder: Path, kind: str) -> Path:
    """Train a tokenizer on a part of the rows; write both dictionaries."""
    sample = folder / "sample"
    with open(folder / "columns" / "input0") as lines, open(sample, "w") as out:
        out.writelines(line for line, _ in zip(lines, range(TRAINED_ON)))
    if kind == "wordpiece":
        model = folder / "tokenizer.json"
        wordpiece = tokenizers.BertWordPieceTokenizer(lowercase=False)
        wordpiece.train([str(sample)], VOCABULARY, show_progress=False)
        wordpiece.save(str(model))
        pieces = [x for x in wordpiece.get_vocab() if not x.startswith("[")]
    else:
        model = folder / "spm.model"
        sentencepiece.SentencePieceTrainer.train(
            input=str(sample),
            model_prefix=str(folder / "spm"),
            vocab_size=VOCABULARY,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        processor = sentencepiece.SentencePieceProcessor(str(model))
        count = processor.get_piece_size()
        pieces = [processor.id_to_piece(i) for i in range(3, count)]
    for name, symbols in (("dict.txt", pieces), ("label.dict.txt", LABELS)):
        (folder / name).write_text("".join(f"{x} 1\n" for x in symbols), "utf-8")
    return model


def usual_chain(folder: Path, model: Path, workers: int) -> List[List[str]]:
    """The commands of the usual chain."""
    commands = []
    for name in COLUMNS:
        source, target = folder / "columns" / name, folder / f"{name}.bpe"
        paths = [str(model), str(source), str(target)]
        numbers = [str(workers), str(CHUNK)]
        commands.append([sys.executable, "-c", ENCODE, *paths, *numbers])
    inputs = {name: folder / f"{name}.bpe" for name in COLUMNS}
    inputs["label"] = folder / "columns" / "label"
    for name, path in inputs.items():
        dictionary = "label.dict.txt" if name == "label" else "dict.txt"
        command = [sys.executable, "-m", "fairseq_cli.preprocess", "--only-source"]
        command += ["--srcdict", str(folder / dictionary), "--trainpref", str(path)]
        command += ["--destdir", str(folder / "usual" / name)]
        commands.append([*command, "--workers", str(workers)])
    return commands


def ours(folder: Path, model: Path, workers: int) -> List[List[str]]:
    """Our one command."""
    command = [sys.executable, str(ROOT / "preprocess" / "xnli.py")]
    command += [str(folder / "raw"), "--tokenizer", str(model)]
    command += ["--dict", str(folder / "dict.txt"), "--overwrite"]
    command += ["--destdir", str(folder / "ours"), "--workers", str(workers)]
    return [command]


def measure(commands: List[List[str]], log: Path) -> Dict[str, float]:
    """Run commands one after another.

    Returns:
        their seconds together, and the most resident memory, in MiB, that any one
        process of them had and that all processes alive at a time had together.
    """
    most = together = 0
    start = time.perf_counter()
    for command in commands:
        with open(log, "wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
            watched = psutil.Process(process.pid)
            while process.poll() is None:
                sizes = [0]
                try:
                    for each in [watched, *watched.children(recursive=True)]:
                        sizes.append(each.memory_info().rss)
                except psutil.NoSuchProcess:
                    pass
                most, together = max(most, *sizes), max(together, sum(sizes))
                time.sleep(SAMPLED_EVERY)
        if process.returncode:
            sys.exit(f"{' '.join(command)}\n{log.read_text()}")
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "process_mib": most / 2**20,
        "together_mib": together / 2**20,
    }


def count_differences(folder: Path, kind: str) -> int:
    """Rows whose ids the two ways do not agree on."""
    usual = [
        MMapIndexedDataset(str(folder / "usual" / name / "train"))
        for name in [*COLUMNS, "label"]
    ]
    mine = MMapIndexedDataset(str(folder / "ours" / "train.en.input"))
    label = MMapIndexedDataset(str(folder / "ours" / "train.en.label"))
    # Each of theirs ends with </s>, which is symbol 2; XLM-R's pairs have one more.
    between = [2] if kind == "sentencepiece" else []
    different = abs(len(mine) - len(usual[0]))
    for row in range(min(len(mine), len(usual[0]))):
        first, second, third = (data[row].tolist() for data in usual)
        same = mine[row].tolist() == [0, *first, *between, *second]
        different += not (same and label[row].tolist() == third[:-1])
    return different


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=392702)
    parser.add_argument("--rounds", type=int, default=1, help="of both, alternating")
    parser.add_argument("--workers", type=int, default=psutil.cpu_count())
    kinds = ["sentencepiece", "wordpiece"]
    parser.add_argument("--tokenizer", choices=kinds, default=kinds[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    args = parser.parse_args()
    runs: Dict[str, List[Dict[str, float]]] = {"usual": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_rows(folder, args.rows, args.seed)
        model = train_model(folder, args.tokenizer)
        for _ in range(args.rounds):
            for way, commands in (("usual", usual_chain), ("ours", ours)):
                log = folder / f"{way}.log"
                runs[way].append(measure(commands(folder, model, args.workers), log))
        different = count_differences(folder, args.tokenizer)
    result = {
        way: {key: float(np.median([run[key] for run in found])) for key in found[0]}
        for way, found in runs.items()
    }
    ratio = result["usual"]["seconds"] / result["ours"]["seconds"]
    if args.json:
        summary = {**result, "ratio": ratio, "rows": args.rows, "different": different}
        print(json.dumps({**summary, "workers": args.workers}))
    else:
        print(
            f"{args.rows} rows, {args.workers} workers, rounds: {args.rounds} (median)"
        )
        for way, label in (("usual", "usual chain"), ("ours", "preprocess/xnli.py")):
            found = result[way]
            print(
                f"{label:20}{found['seconds']:8.1f} s, largest process "
                f"{found['process_mib']:.0f} MiB, all together "
                f"{found['together_mib']:.0f} MiB"
            )
        print(f"{'ratio':20}{ratio:8.2f}")
        print(f"rows with other ids {different:8}")
    if different:
        sys.exit("error: the two ways give different ids")


if __name__ == "__main__":
    main()
