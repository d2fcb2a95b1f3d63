"""Options of fairseq's commands as they are read from a command line."""

import re

import fairseq.options
import pytest
from refusals import refused


@pytest.mark.parametrize(
    "options, told",
    [
        (["--memory-efficient-fp16", "--lr=5e-6"], "--lr 5e-06.*give --fp16 instead"),
        (["--memory-efficient-bf16", "--lr=5e-6"], "--lr 5e-06.*give --bf16 instead"),
        (["--memory-efficient-fp16", "--lr=5e-4"], None),
        (["--bf16", "--lr=5e-6"], None),
    ],
)
def test_steps_that_half_precision_would_lose_are_told_of(caplog, options, told):
    parser = fairseq.options.get_training_parser()
    command = ["data", "--optimizer=adam", "--arch=xmixup_xlmr_mini", *options]
    args = fairseq.options.parse_args_and_arch(parser, command)
    assert not args.tpu
    assert bool(told) == bool(caplog.messages)
    assert told is None or re.search(told, caplog.text)


def test_two_half_precisions_are_refused():
    parser = fairseq.options.get_training_parser()
    with refused("--fp16 with --bf16"):
        fairseq.options.parse_args_and_arch(
            parser, ["data", "--arch=xmixup_xlmr_mini", "--fp16", "--bf16"]
        )


def test_missing_arch_is_named():
    parser = fairseq.options.get_training_parser()
    with refused("--arch is missing"):
        fairseq.options.parse_args_and_arch(parser, ["data", "--task=xmixup_xnli"])
