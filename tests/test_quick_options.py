"""Options set in what hydra composed for others are those that hydra composes."""

from pathlib import Path

import pytest
from fairseq import options
from fairseq.dataclass import utils
from training import train_command

KINDS = {
    "xmixup": [],
    "multimix": ["--task=multimix_xnli", "--criterion=multimix"],
    "fp16": ["--fp16", "--optimizer=sgd", "--lr-scheduler=polynomial_decay"],
}
OTHERS = [
    "--lr=0.5,0.25", "--seed=9", "--max-update=3", "--update-freq=1,2", "--bf16",
    "--save-dir=it's a folder, isn't it", "--disable-validation", "--clip-norm=2",
    "--adam-betas=(0.5, 0.7)", "--valid-subset=valid,test",
    "--ddp-backend=no_c10d", "--log-format=simple", "--restore-file=a=b",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_hydra(quick_options, monkeypatch, kind):
    def convert(*more):
        given = train_command(Path("data"), Path("out"), *KINDS[kind], *more)[1:]
        given = [x for x in given if not x.startswith("--user-dir")]
        if kind == "fp16":
            given = [x for x in given if x != "--optimizer=adam"]
        args = options.parse_args_and_arch(options.get_training_parser(), given)
        return utils.convert_namespace_to_omegaconf(args)

    more = [x for x in OTHERS if kind != "fp16" or "adam" not in x and "bf16" not in x]
    convert()
    quick = convert(*more)
    monkeypatch.setattr(utils, "compose", quick_options.compose)
    assert quick == convert(*more)
    assert str(quick) == str(convert(*more))
