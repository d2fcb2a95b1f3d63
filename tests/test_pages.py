"""The pages: every command, option, Python block, file and link in them is right.

Shell commands are read by their own parsers, recipes print what they would run, Python
blocks run on small models, and the README's example runs from raw data to prediction.
"""

import argparse
import functools
import importlib
import importlib.util
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from augment_data import write_lm
from fairseq import options
from fairseq.criterions import CRITERION_REGISTRY
from fairseq.models import ARCH_MODEL_REGISTRY
from fairseq.tasks import TASK_REGISTRY
from family_data import tag_folder, train
from forked import call
from pages import blocks, pages, pipelines, prose, read, slugs, spans, target_of
from recipe_calls import call_recipe
from torch.distributed import run as run_as_module
from training import ROOT

import fairseq_xling  # noqa: F401

LANGUAGES = ("sh", "python", "text")
# Commands that need no check of ours.
SHELL = ("mkdir", "printf", "cat", "tar", "source")
# Commands that no test can run, and why.
NOT_RUN = {"pip": "installs packages", "sudo": "the same"}
# Scripts without a parser, which have tests of their own.
NO_PARSER = ("examples/notebook_tour.py",)
# Files of XTREME's repository.
ELSEWHERE = ("scripts/download_data.sh",)
# Options of SLURM's srun that the pages use, each with a value.
SRUN = ("--nodes", "--ntasks-per-node", "--gpus-per-node")
PARSERS = {
    "fairseq-train": options.get_training_parser,
    "fairseq-validate": options.get_validation_parser,
    "fairseq-generate": options.get_generation_parser,
}
# Together they have the options of all of fairseq's commands with ours.
TASKS = [
    f"fairseq-train data --arch=xmixup_xlmr_mini --task={task} --criterion={criterion}"
    for task, criterion in {
        "xmixup_xnli": "xmixup",
        "xmixup_udpos": "xmixup",
        "xmixup_xquad": "xmixup",
        "multimix_xnli": "confidence_penalty",
        "xmixup_tlm": "xmixup_tlm",
    }.items()
] + ["fairseq-generate data --task=multimix_augment"]
# The shape of xmixup_xlmr_mini.
MINI = {
    "encoder_layers": 4,
    "encoder_embed_dim": 128,
    "encoder_ffn_embed_dim": 512,
    "encoder_attention_heads": 4,
    "max_positions": 126,
}


class Parser(Exception):
    """A program came to the point where it reads its command line."""


def console_scripts():
    """Modules of the commands that the package installs."""
    lines = re.findall(r'"(xling-[\w-]+) = ([\w.]+):cli_main"', read("setup.py"))
    return dict(lines)


@functools.lru_cache(maxsize=None)
def parser_of(program):
    """The parser of a console script, or of a Python script of the repository."""

    def stop(self, *_):
        raise Parser(self)

    modules = console_scripts()
    imported = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", [program])
        patch.setattr(sys, "path", [str((ROOT / program).parent), *sys.path])
        # The benchmarks import it, which takes seconds.
        patch.setitem(sys.modules, "transformers", MagicMock())
        patch.chdir(ROOT)
        with pytest.raises(Parser) as reached:
            if program in modules:
                importlib.import_module(modules[program]).cli_main()
            else:
                runpy.run_path(str(ROOT / program), run_name="__main__")
    for name in set(sys.modules) - imported:
        # What lies beside a script is another module beside the next.
        if "/examples/" in (getattr(sys.modules[name], "__file__", "") or ""):
            del sys.modules[name]
    return reached.value.args[0]


def options_of(parser):
    """The options of a parser, and of the commands below it."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(*map(options_of, action.choices.values()))
    return found


def check_fairseq(words):
    parser = PARSERS[words[0]]()
    if "..." in words:
        # It stands for what other commands of the page show in full.
        words = [word for word in words if word != "..."]
        words[1:1] = ["--arch", "xmixup_xlmr_mini", "--criterion", "xmixup"]
    options.parse_args_and_arch(parser, words[1:])
    return parser


def check_make(words):
    text = read("Makefile") + read("examples/recipes/demo.py")
    for word in words[1:]:
        name, _, value = word.partition("=")
        known = rf'\$\({name}\b|setting\("{name}"' if value else rf"^{name}:"
        assert re.search(known, text, re.M), word
        if re.fullmatch("[a-z]+", value):
            assert re.search(rf"\b{value}\b", text), word


def check_recipe(words, folder):
    """A recipe prints its commands."""
    script, *arguments = words[1:]
    assert (ROOT / script).exists()
    (folder / "TEXT_DIR").mkdir()
    (folder / "TEXT_DIR/en.txt").write_text("A dog runs.\n" * 200, encoding="utf-8")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    arguments.insert(end, "--dry-run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        gpus = {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7"}
        done = call_recipe(Path(script).stem, *arguments, **gpus)
    assert done.returncode == 0, done.stdout[-2000:]


def words_of_launcher(words):
    """The command that a launcher starts in several processes, or ``words``."""
    if words[0] == "torchrun":
        args = run_as_module.get_args_parser().parse_args(words[1:])
        assert args.no_python
        return [args.training_script, *args.training_script_args]
    if words[0] == "srun":
        return words[1 + 2 * sum(word in SRUN for word in words) :]
    return words


def check(words, folder):
    """One command of a shell block."""
    words = words_of_launcher(words)
    program = words[0]
    if program in SHELL or program in NOT_RUN:
        return
    if program == "make":
        check_make(words)
    elif program == "bash":
        check_recipe(words, folder)
    elif program in PARSERS:
        check_fairseq(words)
    elif program == "fairseq-hydra-train":
        # Its run is a test of tests/tasks/test_hydra.py.
        assert {"--config-dir", "--config-name"} <= set(words)
    elif program == "python":
        if words[1] in NO_PARSER:
            assert (ROOT / words[1]).exists()
        else:
            parser_of(words[1]).parse_args(words[2:])
    else:
        assert program in console_scripts(), program
        parser_of(program).parse_args(words[1:])


def commands():
    for page in pages():
        for block in blocks(page, "sh"):
            for pipeline in pipelines(block.text):
                for words in pipeline:
                    yield pytest.param(page, words, id=f"{page}: {shlex.join(words)}")


@pytest.mark.parametrize("page, words", commands())
def test_command_is_understood(page, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    try:
        check(words, tmp_path)
    except SystemExit as end:
        pytest.fail(f"{page}: {shlex.join(words)}\n{capsys.readouterr().err}{end}")


@functools.lru_cache(maxsize=None)
def known_options():
    """What any command or recipe takes."""
    found = set()
    for words in TASKS:
        found |= options_of(check_fairseq([*words.split(), "--optimizer=adam"]))
    for name in console_scripts():
        found |= options_of(parser_of(name))
    for script in (*ROOT.glob("preprocess/*.py"), *ROOT.glob("examples/*/*.py")):
        if "__main__" in read(script):
            found |= options_of(parser_of(script.relative_to(ROOT).as_posix()))
    found |= options_of(run_as_module.get_args_parser())
    for script in ROOT.glob("examples/recipes/*.py"):
        found |= set(re.findall(r"--[a-z][a-z0-9-]*", read(script)))
    return found


def check_span(page, span):
    """Inline code: the options, commands, tasks and files that it names."""
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", span):
        assert option in known_options(), f"{page}: {span}: no such option"
    first, *others = span.split()
    if re.fullmatch(r"xling-[\w-]+", first):
        assert first in console_scripts(), span
    if re.fullmatch(r"(xmixup|multimix)_[a-z]\w*", span):
        known = (TASK_REGISTRY, CRITERION_REGISTRY, ARCH_MODEL_REGISTRY)
        assert any(span in names for names in known), f"{page}: {span}"
    if first == "make":
        check_make(span.split())
    if first in ("bash", "python") and others and others[0] not in ("-m", "-c"):
        assert (ROOT / others[0]).exists(), f"{page}: {span}"
    if first == "python" and others[:1] == ["-m"]:
        assert importlib.util.find_spec(others[1]), f"{page}: {span}"
    is_ours = re.match("(examples|fairseq_xling|preprocess|tests)/", first)
    is_name = "{" not in first and "*" not in first
    if is_name and (is_ours or re.fullmatch(r"[\w/]+\.(py|sh)", first)):
        folders = [ROOT / name for name in ("", "preprocess", "examples")]
        folders.append((ROOT / page).parent)
        is_there = any((folder / first).exists() for folder in folders)
        assert is_there or first in ELSEWHERE, f"{page}: {span}: no such file"


@pytest.mark.parametrize("page", pages())
def test_names_in_text_exist(page):
    for span in spans(page):
        check_span(page, span)


@pytest.mark.parametrize(
    "span",
    [
        *("--mixup-layr", "--arch xmixup_xlmr_mini --bach-size 4", "xling-score DATA"),
        *("xmixup_xnly", "make demo DEMO=poems", "bash examples/xnly.sh", "xnly.sh"),
        *("python -m fairseq_xling.cli.count", "fairseq_xling/files/atomics.py"),
    ],
)
def test_wrong_name_is_found(span):
    with pytest.raises(AssertionError):
        check_span("README.md", span)


def test_readme_maps_the_folders():
    (table,) = re.findall(
        r"^\| `fairseq_xling/` \|.*?\n\n", prose("README.md"), re.M | re.S
    )
    named = re.findall(r"`([a-z]+)/`", table)
    rooms = [
        path.parent.name
        for path in ROOT.glob("fairseq_xling/*/__init__.py")
        if path.parent.name not in ("files", "launching")
    ]
    assert sorted(named) == sorted(rooms)


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path = target_of(page, link)
        assert path.exists(), f"{page}: {link}"
        if "#" in link:
            name = path.resolve().relative_to(ROOT).as_posix()
            assert link.split("#")[1] in slugs(name), f"{page}: {link}"


@pytest.mark.parametrize("page", pages())
def test_blocks_name_their_language(page):
    assert {block.language for block in blocks(page)} <= set(LANGUAGES)


def test_readme_is_short():
    assert len(read("README.md")) <= 9000


def test_every_command_is_in_the_readme():
    assert set(console_scripts()) <= {span.split()[0] for span in spans("README.md")}


@pytest.mark.parametrize(
    "words",
    [
        "make demonstration",
        "make demo COLOUR=red",
        "make demo DEMO=poems",
        "bash examples/xnli.sh RAW OUT --modle xlmr.base",
        "bash examples/nothing.sh RAW OUT",
        "python preprocess/xnli.py RAW --dict dict.txt --destdir out --tokeniser x",
        "fairseq-train data --task xmixup_xnli --arch xmixup_xlmr_mini --mixup-layr 1",
        "fairseq-train data --task xmixup_nothing",
        "xling-nothing",
        "xling-evaluate data --path model.pt --splits test",
    ],
)
def test_wrong_command_is_found(words, tmp_path):
    with pytest.raises((SystemExit, AssertionError)):
        check(words.split(), tmp_path)


# Running the blocks.


@pytest.fixture
def workplace(tmp_path, monkeypatch, spm):
    """An empty folder with a small pre-trained model under the name of XLM-R."""
    write_lm(tmp_path / "xlmr.base", spm, **MINI)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words, entered=""):
    """A command of ours in a fork."""
    if words[0] == "python":
        words = words[1:]
    with tempfile.TemporaryFile("w+") as into:
        into.write(entered)
        into.seek(0)

        def before():
            os.dup2(into.fileno(), 0)
            sys.stdin = open(0)

        done = call(words, before)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-4000:]}"
    return done.stdout


def test_example_of_the_readme_runs(workplace):
    text = "\n".join(block.text for block in blocks("README.md", "sh"))
    text = text[text.index("mkdir -p my-data") :]
    # The model that stands in for XLM-R has another shape.
    written, model, text = text.partition("model=xlmr.base\n")
    text = model + text
    subprocess.run(["bash", "-ec", written], check=True)
    out = ""
    for pipeline in pipelines(text):
        out = ""
        for words in pipeline:
            at_root = ("fairseq_xling", "preprocess/xnli.py")
            words = [str(ROOT / word) if word in at_root else word for word in words]
            if words[0] == "printf":
                out = subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout
            else:
                out = run(words, out)
    assert {"label", "probabilities"} == set(json.loads(out))
    assert Path("checkpoints/my-data/results-valid/results.md").exists()


def test_python_blocks_run(workplace, spm):
    data = tag_folder(workplace / "raw", spm)
    task, options = "xmixup_udpos", ["--training-set=source", "--max-update=2"]
    train(task, data, workplace / "checkpoints", *options)
    run_blocks = 0
    for page in pages():
        for block in blocks(page, "python"):
            exec(compile(block.text, page, "exec"), {"__name__": "a_page"})
            run_blocks += 1
    assert run_blocks == 2
