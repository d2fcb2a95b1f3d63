"""Virtual samples around those of binarized data (MultiMix section 3.2 and Table 7).

usage: bash examples/augment.sh DATA OUT_DIR [options]
           [-- more fairseq-generate options]
  DATA             folder written by preprocess/*.py: sentence pairs or tagged sentences
  OUT_DIR          folder of the virtual samples, in the same layout
  --model MODEL    masked language model: a folder of fairseq's or Hugging Face's form,
                   or a name such as xlmr.base or xlm-roberta-base (default: xlmr.large)
  --split NAME     (default: train)
  --gpus N         processes, one on each GPU, of those that CUDA_VISIBLE_DEVICES names
                   where it is set; their shards are joined (default: 1)
  --max-tokens N   tokens of a batch (default: 12000; with --cpu 2048)
  --seed N         (default: 1)
  --precision NAME fp32 (default: the paper's), bf16 or fp16, which are faster
  --cpu            run on the CPU
  --dry-run        print the commands instead of running them
"""

import os
from pathlib import Path
from typing import List, Sequence

from fairseq_xling.stages import CommandFailed
from recipes.command_line import (
    USER_DIR,
    WrongUse,
    check_counts,
    options,
    program,
    read_options,
    runner,
)


def main(words: Sequence[str]) -> None:
    """Run what the arguments say; see the usage.

    Raises:
        WrongUse: an argument is wrong, or a shard failed.
        UserError: a command failed, or there is no such model.
    """
    if len(words) < 2 or words[0].startswith("--"):
        raise WrongUse()
    data, out = words[:2]
    found, more = read_options(
        words[2:], model="xlmr.large", split="train", gpus="1", max_tokens="", seed="1",
        precision="fp32",
    )  # fmt: skip
    check_counts(gpus=found.gpus)
    if found.precision not in ("fp32", "bf16", "fp16"):
        raise WrongUse(f"--precision {found.precision}: give fp32, bf16 or fp16")
    gpus, run = int(found.gpus), runner(found)
    # The GPUs of several processes, in turn: those that are visible.
    devices = visible(gpus) if gpus > 1 and not found.cpu else []
    generate = [program("fairseq-generate"), data, *options(
        user_dir=USER_DIR, task="multimix_augment", gen_subset=found.split,
        path=found.model, aug_percentage=30, seed=found.seed,
        max_tokens=found.max_tokens or (2048 if found.cpu else 12000), cpu=found.cpu,
        bf16=found.precision == "bf16", fp16=found.precision == "fp16",
    )]  # fmt: skip
    if gpus == 1:
        run([*generate, *options(results_path=out), *more])
        return
    if not found.dry_run and Path(out, "manifest.json").exists():
        print(f"{out}: done before")
        return
    shards = [f"{out}.shard-{rank}" for rank in range(gpus)]
    commands = []
    for rank, shard in enumerate(shards):
        prefix = [f"CUDA_VISIBLE_DEVICES={devices[rank]}"] if devices else []
        own = options(
            results_path=shard, distributed_world_size=gpus, distributed_rank=rank
        )
        commands.append(
            [*(["env"] if devices else []), *prefix, *generate, *own, *more]
        )
    try:
        run(*commands)
    except CommandFailed:
        raise WrongUse("a shard failed; run it again to go on") from None
    run([program("xling-join-shards"), *shards, "--destdir", out])


def visible(gpus: int) -> List[str]:
    """Names of the GPUs that may be used: the first ones, where nothing is said.

    Args:
        gpus: how many are needed.

    Raises:
        WrongUse: there are fewer.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(rank) for rank in range(gpus)]
    devices = named.replace(",", " ").split()
    if len(devices) < gpus:
        raise WrongUse(f"--gpus {gpus}: CUDA_VISIBLE_DEVICES={named} has fewer")
    return devices
