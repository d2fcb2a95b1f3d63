"""The recipes end with one line where they are called in a wrong way."""

import pytest
from recipe_calls import call_recipe

# What is said of arguments, by script; raw is a folder.
SAID = {
    "xnli": {
        "raw": "usage",
        "raw out --method magic": "error: unknown method magic",
        "raw out --what": "error: unknown option --what",
        "raw out --model": "error: --model: give a value",
        "raw out --gpus 0": "error: --gpus 0: give a whole number",
        "raw out --gpus 65": "error: --gpus 65: an update has 64 rows",
        "raw out --batch-size x": "error: --batch-size x: give",
        "raw out --split train": "error: --split train: give test or",
        "raw out --stage train": "error: --stage train: give prepare",
    },
    "sweep udpos": {
        "raw out --lrs fast": "error: --lrs fast: give numbers",
        "raw out --lrs *": "error: --lrs *: give numbers",
        "raw out --alphas ": "error: --alphas: give at least one value",
        "raw out --layers first": "error: --layers first: give numbers",
        "raw out --alphas": "error: --alphas: give a value",
        "raw out --split test": "error: --split: the sweep sets it itself",
        "raw out --what": "error: unknown option --what",
    },
    "augment": {
        "": "usage",
        "data out --gpus 0": "--gpus 0",
        "data out --gpus 2": "--gpus 2: CUDA_VISIBLE_DEVICES=",
        "data out --seed": "give a value",
        "data out --precision int8": "--precision int8",
        "data out --what": "unknown option --what",
    },
    "multimix_xnli": {
        "raw": "usage",
        "raw out": "--target-lang: give the language",
        "raw out --what": "unknown option --what",
        "raw out --seed": "--seed: give a value",
        "raw out --map-label DATE=O": "--map-label: for xner only",
    },
    "pretrain_mini": {
        "": "usage",
        "--cpu out": "usage",
        "none out": "none: not a folder",
        "raw out --what": "unknown option --what",
        "raw out --seed": "--seed: give a value",
        "raw out --updates 0": "--updates 0: give a whole number",
        "raw out --tlm-kind x": "--tlm-kind x: give mixup or",
    },
}
CASES = [(x, line, said) for x, table in SAID.items() for line, said in table.items()]


@pytest.mark.parametrize("script, line, said", CASES)
def test_wrong_use_is_refused(tmp_path, monkeypatch, script, line, said):
    (tmp_path / "raw").mkdir()
    monkeypatch.chdir(tmp_path)
    name, *first = script.split()
    words = line.split(" ") if line else []
    done = call_recipe(name, *first, *words, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2 and said in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
