"""MultiMix (Algorithm 1) from raw data: binarize, then xling-multimix.

That one knows the hyper-parameters of the paper's Table 7.

usage: bash examples/multimix_TASK.sh RAW_DIR OUT_DIR --target-lang LANG [options]
           [-- more xling-multimix options]
  TASK              xnli or xner
  RAW_DIR           raw folder of preprocess/xnli.py or preprocess/panx.py
  OUT_DIR           gets data-bin/ and multimix-LANG-SEED/ (with the percentage in its
                    name where that is not the default)
  --target-lang L   language without labels
  --model MODEL     folder of fairseq's form (model.pt, dict.txt and a tokenizer) or of
                    Hugging Face's, or a name such as xlmr.base or xlm-roberta-base
                    (default: xlmr.large); it is fine-tuned, and it generates, unless
                    --lm-path and --lm-data name another behind --
  --arch NAME       (default: xmixup_xlmr, which has the model's own sizes)
  --labels LIST     tags of xner, a comma list (default: PAN-X's)
  --map-label A=B   read a type of xner as another, such as DATE=O
  --jobs N          commands side by side, each on a GPU of its own (default: 1)
  --seed N          of the first of the three models (default: 1)
  --train-percentage P
                    of xnli 5 (default: the paper's XNLI-5%, with another share of the
                    target for each model) or 100 (XNLI-100%); of xner 100 (default)
  --precision NAME  fp32 (default: the paper's), bf16 or fp16, which are faster
  --cpu             run on the CPU
  --dry-run         print the commands instead of running them
"""

from pathlib import Path
from typing import Sequence

from recipes.command_line import (
    WrongUse,
    options,
    program,
    read_options,
    runner,
    script,
)

# The script that binarizes, and the percentage of the data.
TASKS = {"xnli": ("xnli", "5"), "xner": ("panx", "100")}


def main(words: Sequence[str]) -> None:
    """Run what the arguments say; see the usage.

    Raises:
        WrongUse: an argument is wrong.
        UserError: a command failed.
    """
    if len(words) < 3 or any(word.startswith("--") for word in words[1:3]):
        raise WrongUse()
    task, raw, out = words[:3]
    if task not in TASKS:
        raise WrongUse(f"unknown task {task}; give xnli or xner")
    benchmark, usual = TASKS[task]
    found, more = read_options(
        words[3:], passed_on=["--labels", "--map-label"], target_lang="",
        train_percentage=usual, model="xlmr.large", arch="xmixup_xlmr", jobs="1",
        seed="1", precision="fp32",
    )  # fmt: skip
    if found.passed and task != "xner":
        raise WrongUse(f"{found.passed[0]}: for xner only")
    if not found.target_lang:
        raise WrongUse("--target-lang: give the language without labels")
    run = runner(found)
    data = f"{out}/data-bin"
    raw_options = [*options(destdir=data, model=found.model), *found.passed]
    run(
        [*script(f"preprocess/{benchmark}.py"), raw, *raw_options],
        done=Path(data, "manifest.json"),
    )
    folder = f"{out}/multimix-{found.target_lang}-{found.seed}"
    # Both settings of XNLI may stand side by side.
    if found.train_percentage != usual:
        folder += f"-{found.train_percentage}"
    run([program("xling-multimix"), data, *options(
        task=f"multimix_{task}", target_lang=found.target_lang, pretrained=found.model,
        arch=found.arch, jobs=found.jobs, seed=found.seed, precision=found.precision,
        train_percentage=found.train_percentage, cpu=found.cpu, results_path=folder,
    ), *more])  # fmt: skip
