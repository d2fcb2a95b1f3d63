"""Options set in what hydra composed for others are those that hydra composes."""

from pathlib import Path

import pytest
from fairseq import options
from fairseq.dataclass import utils
from training import train_command

KINDS = [
    ["--adam-betas=(0.5, 0.7)", "--bf16"],
    ["--task=multimix_xnli", "--criterion=confidence_penalty"],
    ["--optimizer=sgd", "--lr-scheduler=triangular", "--max-lr=1"],
]
OTHERS = [
    "--lr=0.5,0.25", "--seed=9", "--max-update=3", "--update-freq=1,2", "--clip-norm=2",
    "--save-dir=it's a folder, isn't it", "--disable-validation", "--restore-file=a=b",
    "--valid-subset=valid,test", "--ddp-backend=no_c10d", "--log-format=simple",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_hydra(quick_options, monkeypatch, kind):
    def convert(*more):
        given = train_command(Path("data"), Path("out"), *kind, *more)[1:]
        given = [x for x in given if not x.startswith("--user-dir")]
        args = options.parse_args_and_arch(options.get_training_parser(), given)
        return utils.convert_namespace_to_omegaconf(args)

    convert()
    quick = convert(*OTHERS)
    monkeypatch.setattr(utils, "compose", quick_options.compose)
    whole = convert(*OTHERS)
    assert quick == whole and str(quick) == str(whole)
