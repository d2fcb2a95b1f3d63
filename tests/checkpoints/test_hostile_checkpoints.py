"""No command and no function that takes a model runs code that the model's file holds.

Each refuses it with one line that names the file.
"""

import ast
import importlib
import importlib.metadata
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import hostile
import pytest
from forked import call
from hostile import EVALUATED, FORMATS
from refusals import error_of
from training import ROOT, train_command

import fairseq_xling
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.errors import UserError
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

USER_DIR = f"--user-dir={ROOT / 'fairseq_xling'}"
TRAIN = train_command(Path("{data}"), Path("{out}"), "--task=multimix_xnli")
TRAIN += ["--criterion=confidence_penalty", "--max-update=1", "--disable-validation"]
VALIDATE = ["fairseq-validate", "{data}", USER_DIR, "--task=multimix_xnli", "--cpu"]
VALIDATE += ["--batch-size=8", "--num-workers=0", "--path={bad}"]
GENERATE = ["fairseq-generate", "{data}", USER_DIR, "--task=multimix_augment", "--cpu"]
GENERATE += ["--gen-subset=valid", "--num-workers=0", "--path={bad}"]
MULTIMIX = ["xling-multimix", "{data}", "--task=multimix_xnli", "--target-lang=de"]
MULTIMIX += ["--results-path={out}", "--cpu", "--arch=xmixup_xlmr_mini"]
MULTIMIX += ["--train-options=--batch-size 8 --update-freq 1 --num-workers 0"]
WARM = ["--warmup-path", "{good}", "{good}", "{good}"]
CHARTS = ["xling-penalty-charts", "{data}", "--lang=de", "--results-path={out}"]

# By command and the option that takes the model.
COMMANDS = {
    "fairseq-train --finetune-from-model": [*TRAIN, "--finetune-from-model={bad}"],
    "fairseq-train --restore-file": [*TRAIN, "--restore-file={bad}"],
    "fairseq-train --save-dir": [*TRAIN, "--save-dir={folder}"],
    "fairseq-validate --path": VALIDATE,
    "fairseq-generate --path": GENERATE,
    "xling-evaluate --path": [
        *("xling-evaluate", "{data}", "--path", "{bad}", "--cpu", "--split=valid"),
    ],
    "xling-evaluate --compare": [
        *("xling-evaluate", "{data}", "--path", "{good}", "--compare", "{bad}"),
        *("--cpu", "--split=valid", "--predict=target", "--results-path={out}"),
    ],
    "xling-predict --path": ["xling-predict", "{data}/dict.txt", "--path={bad}"],
    "xling-pseudo-label --path": ["xling-pseudo-label", "{data}", "--path={bad}"],
    "xling-distill --path": [
        *("xling-distill", "{data}", "--lang=de", "--path={bad}"),
        *("--results-path={out}", "--cpu"),
    ],
    "xling-penalty-charts --path": [*CHARTS, "--path", "{good}", "{bad}", "--cpu"],
    "xling-report runs": ["xling-report", "{folder}", "--results-path={out}"],
    "xling-multimix --pretrained": [*MULTIMIX, "--pretrained={bad}"],
    "xling-multimix --lm-path": [*MULTIMIX, "--pretrained={lm}", "--lm-path={bad}"]
    + WARM,
    "xling-multimix --warmup-path": [
        *(*MULTIMIX, "--pretrained={lm}"),
        *("--warmup-path", "{bad}", "{good}", "{good}"),
    ],
}
# Function calls by what they are handed; the folder's model has every usual name.
FUNCTIONS = {
    "from_pretrained": lambda bad, data: fairseq_xling.from_pretrained(bad),
    "from_pretrained, folder": lambda bad, data: fairseq_xling.from_pretrained(
        bad.parent
    ),
    "XMixupXLMRModel": lambda bad, data: XMixupXLMRModel.from_pretrained(
        str(bad.parent), bad.name
    ),
    "augment": lambda bad, data: fairseq_xling.augment(["a"], model=str(bad.parent)),
    "load_task_model": lambda bad, data: load_task_model(str(bad), str(data)),
}
NAMES = ("checkpoint_last.pt", "checkpoint_best.pt", "model.pt")


@pytest.fixture
def trap(tmp_path, files):
    """A model's folder, in which a test puts the hostile file."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        shutil.copy(files.data / name, folder)
    return SimpleNamespace(folder=folder, bad=folder / NAMES[0], mark=tmp_path / "ran")


def fill(arguments, **names):
    return [argument.format(**names) for argument in arguments]


def run(files, trap, arguments):
    names = {**vars(files), "bad": trap.bad, "folder": trap.folder}
    names["out"] = trap.folder.parent / "out"
    return call(fill(arguments, **names), before=hostile.fork_stages)


def check_command(done, trap):
    """It failed with one clear line, and the code did not run."""
    assert not trap.mark.exists(), "the code ran"
    check_message(error_of(done), trap)


def check_message(message, trap):
    assert str(trap.folder) in message and "\n" not in message
    assert re.search("refused|not an? .*checkpoint", message), message


def message_of(call, trap):
    """What a function refuses the file with; its code did not run."""
    try:
        call()
    except Exception as error:
        raised = error
    assert not trap.mark.exists(), "the code ran"
    assert isinstance(raised, UserError), repr(raised)
    return str(raised)


def check_function(name, files, trap):
    check_message(message_of(lambda: FUNCTIONS[name](trap.bad, files.data), trap), trap)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_file_is_hostile_where_it_is_trusted(trap, kind):
    FORMATS[kind](trap.bad, trap.mark)
    assert not trap.mark.exists()
    hostile.trust(trap.bad, kind)
    assert trap.mark.is_dir()


# xling-multimix hands paths to the other commands: one kind is enough.
@pytest.mark.parametrize(
    "name, kind",
    [
        (name, kind)
        for name in COMMANDS
        for kind in ("zip", "pickle")
        if kind == "zip" or "multimix" not in name
    ],
)
def test_command_refuses_pickled_code(files, trap, name, kind):
    FORMATS[kind](trap.bad, trap.mark)
    check_command(run(files, trap, COMMANDS[name]), trap)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_refuses_pickled_code(files, trap, name, kind):
    for file in NAMES:
        FORMATS[kind](trap.folder / file, trap.mark)
    check_function(name, files, trap)


def test_torchs_own_switch_does_not_let_code_run(files, trap, monkeypatch):
    # A machine may have it set for other programs.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    FORMATS["zip"](trap.bad, trap.mark)
    check_function("from_pretrained", files, trap)


def test_expression_is_hostile_where_it_is_evaluated(tmp_path):
    eval(hostile.as_text(tmp_path / "ran"))
    assert (tmp_path / "ran").is_dir()


# fairseq calls eval() on some options, which checkpoints hold as plain text. Not all
# that load a checkpoint look at each of them.
@pytest.mark.parametrize(
    "name, where",
    [(name, "option") for name in FUNCTIONS]
    + [("from_pretrained", "model")]
    + [("load_task_model", where) for where in ("model", "task")]
    # Its own --task replaces the checkpoint's.
    + [("fairseq-validate --path", where) for where in EVALUATED if where != "task"]
    + [("fairseq-generate --path", where) for where in ("option", "model")],
)
def test_expression_in_a_checkpoints_options_is_not_evaluated(files, trap, name, where):
    good = files.lm if name.startswith("fairseq-generate") else files.good
    for file in NAMES:
        hostile.write_evaluated(trap.folder / file, good, where, trap.mark)
    if name in COMMANDS:
        check_command(run(files, trap, COMMANDS[name]), trap)
    else:
        check_function(name, files, trap)


def test_archive_is_not_unpacked_over_other_files(trap):
    path = trap.folder / "model.tar.gz"
    hostile.write_archive(path, trap.mark)
    content = path.read_bytes()
    message = message_of(lambda: XMixupXLMRModel.from_pretrained(str(path)), trap)
    assert str(path) in message and "\n" not in message
    assert path.read_bytes() == content


# A small model's config.json.
CONFIG = """{"model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"],
"vocab_size": 104, "hidden_size": 16, "num_hidden_layers": 2,
"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 66,
"type_vocab_size": 1, "hidden_act": "gelu", "layer_norm_eps": 1e-05,
"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}"""


# The converter of Hugging Face's checkpoints.
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("direction", ["from Hugging Face", "to Hugging Face"])
def test_converter_refuses_pickled_code(files, trap, kind, direction):
    out = trap.folder.parent / "out"
    if direction == "to Hugging Face":
        FORMATS[kind](trap.bad, trap.mark)
        given = ["--to-hf", str(trap.bad), "--destdir", str(out)]
    else:
        trap.bad = trap.folder / "pytorch_model.bin"
        FORMATS[kind](trap.bad, trap.mark)
        (trap.folder / "config.json").write_text(CONFIG)
        given = [str(trap.folder), "--destdir", str(out)]
    importlib.import_module("fairseq_xling.cli.convert_hf")
    check_command(call(["xling-convert-hf", *given]), trap)
    assert not out.exists()


def test_every_option_that_takes_a_model_is_tried():
    found = set()
    for script in importlib.metadata.distribution("fairseq_xling").entry_points:
        module = importlib.import_module(script.module)
        if not hasattr(module, "build_parser"):  # xling-table, which reads JSON alone
            assert script.name == "xling-table"
            continue
        for action in module.build_parser()._actions:
            option = action.option_strings[-1] if action.option_strings else action.dest
            told = re.search(
                r"checkpoint|model\.pt|models\b|folders of runs", action.help or ""
            )
            if option.endswith("path") or (told and action.nargs != 0):
                found.add(f"{script.name} {option}")
    # These are told of models, or are other paths.
    others = {"data", "--data", "--names", "--predict", "--results-path"}
    others |= {"--arch", "--select-on", "--target-langs", "--co-teaching"}
    found = {one for one in found if one.split()[1] not in others}
    assert found == {name for name in COMMANDS if name.startswith("xling-")}


UNSAFE = {"eval", "exec", "torch.hub.load", "torch.jit.load", "yaml.load"}
UNSAFE |= {
    f"{module}.{name}"
    for module in ("pickle", "marshal", "joblib", "shelve", "dill", "cloudpickle")
    for name in ("load", "loads", "open", "Unpickler")
}
# It reads what the process itself wrote into a file that has no name.
OWN_ROWS = ("row_file.py", "pickle.loads")


def test_no_source_file_unpickles_or_evaluates():
    for folder in ("fairseq_xling", "preprocess"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    options = {x.arg: ast.unparse(x.value) for x in node.keywords}
                    where = f"{path}:{node.lineno}: {name}"
                    assert name not in UNSAFE or (path.name, name) == OWN_ROWS, where
                    assert options.get("allow_pickle", "False") == "False", where
                    if name == "torch.load":
                        assert options.get("weights_only") == "True", where
