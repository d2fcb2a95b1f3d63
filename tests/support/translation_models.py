"""Small translation models: one that fairseq trains, one of Hugging Face."""

import json
import sys
from pathlib import Path
from typing import List, Tuple

import numpy as np
import torch
import transformers
from fairseq.data import Dictionary
from forked import run_in_fork
from small_spm import train_spm
from training import ROOT, command

sys.path.insert(0, str(ROOT / "preprocess"))

from demo.grammar import draw_scene  # noqa: E402
from demo.languages import TARGETS, Speaker  # noqa: E402

SIZES = [
    f"--{part}-{name}"
    for part in ("encoder", "decoder")
    for name in ("layers=1", "embed-dim=64", "ffn-embed-dim=64", "attention-heads=2")
]


def demo_sentences(count: int, seed: int) -> List[Tuple[str, str]]:
    """Sentences of the demo's source and of its nearest language."""
    speakers = [Speaker(None, seed=1), Speaker(TARGETS[0], seed=1)]
    generator = np.random.default_rng(seed)
    scenes = [draw_scene(generator) for _ in range(count)]
    return [tuple(" ".join(one.say(x)) for one in speakers) for x in scenes]  # type: ignore


def train_fairseq(folder: Path, updates: int) -> List[Tuple[str, str]]:
    """Train a model from the demo's source to its nearest language.

    Returns:
        sentences that it has not seen, which the folder has as its test set, too.
    """
    folder.mkdir()
    train, test = demo_sentences(1000, seed=0), demo_sentences(40, seed=1)
    for lang, side in (("en", 0), ("qaa", 1)):
        dictionary = Dictionary()
        for pair in train:
            dictionary.encode_line(pair[side])
        dictionary.finalize()
        dictionary.save(str(folder / f"dict.{lang}.txt"))
        for split, rows in (("train", train), ("valid", test), ("test", test)):
            text = "".join(f"{pair[side]}\n" for pair in rows)
            path = folder / f"{split}.en-qaa.{lang}"
            path.write_text(text, encoding="utf-8")
    options = [
        *("--task=translation", "--source-lang=en", "--target-lang=qaa"),
        *("--dataset-impl=raw", "--arch=transformer", *SIZES, "--dropout=0"),
        *("--optimizer=adam", "--lr=0.005", "--lr-scheduler=inverse_sqrt"),
        *("--warmup-updates=50", "--clip-norm=1", "--batch-size=64", "--cpu"),
        *(f"--max-update={updates}", "--disable-validation", "--num-workers=0"),
        *("--no-epoch-checkpoints", f"--save-dir={folder}", "--no-progress-bar"),
        "--no-save-optimizer-state",
    ]
    run_in_fork([command("fairseq-train"), str(folder), *options], check=True)
    (folder / "checkpoint_last.pt").rename(folder / "model.pt")
    return test


def fairseq_generate(folder: Path, beam: int) -> List[str]:
    """What fairseq-generate makes of the folder's test set."""
    options = [
        *("--task=translation", "--source-lang=en", "--target-lang=qaa"),
        *("--dataset-impl=raw", f"--path={folder / 'model.pt'}", f"--beam={beam}"),
        *("--max-len-a=1.5", "--max-len-b=20", "--batch-size=8", "--cpu"),
        *("--num-workers=0", f"--results-path={folder}"),
    ]
    run_in_fork([command("fairseq-generate"), str(folder), *options], check=True)
    found = {}
    for line in (folder / "generate-test.txt").read_text("utf-8").splitlines():
        if line.startswith("H-"):
            number, _, text = line[2:].split("\t")
            found[int(number)] = text
    return [found[number] for number in sorted(found)]


def random_marian(folder: Path) -> Path:
    """A Marian of small size with random weights, as one of a hub is laid out."""
    folder.mkdir()
    lines = [a for a, _ in demo_sentences(500, seed=0)]
    for side in ("source", "target"):
        processor = train_spm(folder, lines, 120, f"{side}.spm").processor
    (folder / "dict.txt").unlink()
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    pieces = ["</s>", "<unk>", *(x for x in pieces if x[0] != "<"), "<pad>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = transformers.MarianTokenizer(
        *(str(folder / name) for name in ("source.spm", "target.spm", "vocab.json")),
        source_lang="en",
        target_lang="qaa",
    )
    torch.manual_seed(1)
    pad = vocabulary["<pad>"]
    config = transformers.MarianConfig(
        vocab_size=len(pieces),
        d_model=16,
        max_position_embeddings=48,
        pad_token_id=pad,
        eos_token_id=0,
        decoder_start_token_id=pad,
        forced_eos_token_id=0,
        **{f"{x}_layers": 1 for x in ("encoder", "decoder")},
        **{f"{x}_ffn_dim": 16 for x in ("encoder", "decoder")},
        **{f"{x}_attention_heads": 2 for x in ("encoder", "decoder")},
    )
    transformers.MarianMTModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
