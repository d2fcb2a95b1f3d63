"""A mini XLM-R from a folder of text: SentencePiece, binarized data, and pre-training.

By masked language modelling, of pairs by TLM or X-Mixup. Started again, it goes on.
With --from, the pre-training of another encoder goes on, and of one without a head for
masked tokens gives it one.

usage: bash examples/pretrain_mini.sh TEXT_DIR OUT_DIR [options]
           [-- more fairseq-train options]
  TEXT_DIR          text of each language, LANG.txt or train.LANG.txt, and translations,
                    if any, train.SRC-LANG.SRC.txt and train.SRC-LANG.LANG.txt, aligned
                    by line; valid.LANG.txt and so on, or every 100th line is held out
  OUT_DIR           gets model.pt, dict.txt and sentencepiece.bpe.model, as fairseq's
                    XLM-R has them (and text/, monolingual/, parallel/, checkpoints/)
  --vocabulary N    pieces (default: 16000, which gives 13 million parameters)
  --from MODEL      encoder to begin with, its vocabulary and its shape: a folder, a
                    checkpoint, or a name of fairseq's or huggingface.co
  --source-lang L   SRC of the translations (default: en)
  --tlm-kind NAME   how translations are read: concatenated (TLM, default) or mixup
  --updates N       (default: 20000)
  --max-tokens N    tokens a GPU and update (default: 16384; with --cpu 4096)
  --seed N          (default: 1)
  --gpus N          GPUs (default: 1)
  --cpu             run on the CPU, in fp32
  --dry-run         print the commands instead of running them
"""

import shlex
from pathlib import Path
from typing import Sequence

from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.interop.model_folder import find_model
from fairseq_xling.stages import Runner
from recipes.command_line import (
    USER_DIR,
    WrongUse,
    check_counts,
    options,
    program,
    read_options,
    runner,
    script,
)

POSITIONS = 512
NEW = """--arch xmixup_xlmr_mini --lr 5e-4 --encoder-layers 6 --encoder-embed-dim 320
    --encoder-ffn-embed-dim 1280 --encoder-attention-heads 5""".split()
BEGUN = "--arch xmixup_xlmr --lr 1e-4".split()
TRAINING = shlex.split("""
    --sample-break-mode none --dropout 0.1 --attention-dropout 0.1
    --optimizer adamw_fused --adam-betas '(0.9, 0.98)' --adam-eps 1e-6
    --weight-decay 0.01 --clip-norm 1.0 --lr-scheduler polynomial_decay
    --keep-interval-updates 0 --no-epoch-checkpoints --log-format simple
    --log-interval 50
""")


def main(words: Sequence[str]) -> None:
    """Run what the arguments say; see the usage.

    Raises:
        WrongUse: an argument is wrong.
        UserError: a command failed.
    """
    if len(words) < 2 or any(word.startswith("--") for word in words[:2]):
        raise WrongUse()
    text, out = Path(words[0]), Path(words[1])
    found, more = read_options(
        words[2:], vocabulary="", source_lang="en", tlm_kind="concatenated",
        updates="20000", max_tokens="", seed="1", gpus="1", **{"from": ""},
    )  # fmt: skip
    begun = vars(found)["from"]
    if begun and found.vocabulary:
        raise WrongUse(f"--vocabulary {found.vocabulary}: --from has its own")
    found.vocabulary = found.vocabulary or "16000"
    most = found.max_tokens or ("4096" if found.cpu else "16384")
    check_counts(
        vocabulary=found.vocabulary, updates=found.updates, max_tokens=most,
        gpus=found.gpus,
    )  # fmt: skip
    if found.tlm_kind not in ("mixup", "concatenated"):
        raise WrongUse(f"--tlm-kind {found.tlm_kind}: give mixup or concatenated")
    if not text.is_dir():
        raise WrongUse(f"{text}: not a folder")
    run, source = runner(found), options(source_lang=found.source_lang)
    vocabulary = options(vocabulary=not begun and found.vocabulary)
    made_of = [str(text.absolute()), *source, *vocabulary]
    made_of += ["--from", begun] if begun else []
    check_made_of(out, " ".join(made_of), run)
    if begun and not run.dry_run:
        begun = find_model(begun, out / "monolingual")
    beginning, shape = options(model=begun or False), NEW
    if begun:
        shape = [*BEGUN, *options(finetune_from_model=begun)]
    # Each of these folders is made as a whole, so one that is there is complete.
    split, monolingual, data = out / "text", out / "monolingual", out / "parallel"
    run(
        [*script("preprocess/split_text.py"), str(text), *options(destdir=split),
         *source],
        done=split,
    )  # fmt: skip
    run(
        [*script("preprocess/monolingual.py"), f"{split}/monolingual", *vocabulary,
         *beginning, *options(destdir=monolingual)],
        done=monolingual,
    )  # fmt: skip
    spm, dictionary = out / "sentencepiece.bpe.model", out / "dict.txt"
    for path in (dictionary, spm):
        if not path.exists():
            copy(run, monolingual / path.name, path)
    if any(text.glob(f"train.{found.source_lang}-*.*.txt")):
        files = options(destdir=data, tokenizer=spm, dict=dictionary)
        run(
            [*script("preprocess/parallel.py"), f"{split}/parallel", *source, *files],
            done=data,
        )
        task = options(
            task="xmixup_tlm", criterion="xmixup_tlm", tlm_kind=found.tlm_kind,
            monolingual=monolingual / "bin",
        )  # fmt: skip
    else:
        data = monolingual / "bin"
        task = options(
            task="masked_lm", criterion="masked_lm", tokens_per_sample=POSITIONS
        )
    # Goes on at its last checkpoint, if it has one. Its log is opened before fairseq
    # makes the folder.
    folder, updates = out / "checkpoints", int(found.updates)
    if not run.dry_run:
        folder.mkdir(parents=True, exist_ok=True)
    every = -(-updates // 20)  # validated and saved twenty times, whatever the length
    run([program("fairseq-train"), str(data), *task, *shape, *TRAINING, *options(
        user_dir=USER_DIR, max_positions=POSITIONS, warmup_updates=-(-updates // 10),
        total_num_update=updates, max_update=updates, max_tokens=most, seed=found.seed,
        distributed_world_size=found.gpus, cpu=found.cpu, fp16=not found.cpu,
        save_interval_updates=every, validate_interval_updates=every,
        log_file=folder / "train.log", save_dir=folder,
    ), *more])  # fmt: skip
    copy(run, folder / "checkpoint_last.pt", out / "model.pt")
    print(f"fine-tune it with: bash examples/xnli.sh RAW_DIR OUT_DIR --model {out}")


def check_made_of(out: Path, made_of: str, run: Runner) -> None:
    """Refuse a folder made of other text, or in another way; note it in a new one.

    Raises:
        WrongUse: it is one.
    """
    note = out / "made_of.txt"
    told = note.read_text(encoding="utf-8").rstrip("\n") if note.exists() else made_of
    if told != made_of:
        raise WrongUse(f"{out}: made of {told}; give another OUT_DIR, or remove it")
    if not run.dry_run:
        with atomic_file(note) as file:
            file.write(f"{made_of}\n")


def copy(run: Runner, source: Path, target: Path) -> None:
    """Copy a file whole or not at all."""
    run(["cp", str(source), f"{target}.new"])
    run(["mv", f"{target}.new", str(target)])
