"""What the commands write for fixed seeds: moving code must not change it.

    python tests/recorded/record.py             # before: writes outputs.json anew
    python tests/recorded/record.py --check     # after: names each file that differs

Runs the command lines of ``commands.txt`` and the Python interface on small raw
folders, and compares the hash of each file that they write with ``outputs.json``. It
knows the package by its commands and its top-level names alone, so that code can be
moved freely. ``--work DIR`` keeps the folder that was produced, and goes on there when
it was stopped: with one of each version a difference can be looked at. What commands
print is in ``printed/``.

To be run by hand: it takes minutes, and hashes hold for one type of machine and one
version of torch, as floats of another differ in their last bits.

Paths, and the hashes of whole checkpoints and SentencePiece models, that hold times or
names of scratch folders, are replaced beforehand. Of a checkpoint count its
parameters, its options and its task's state; of a training's log the figures that
measure no time or memory. Pictures are left out (their numbers are in JSON files beside
them), and so are logs, ``fairseq-hydra-train``, ``xling-multimix`` as a whole (its
commands are there one by one), GPUs, and training in several processes.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

os.environ.update(
    {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
)
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ["PYTHONPATH"] = str(ROOT)
sys.path.insert(1, str(ROOT))

import torch  # noqa: E402
from raw_folders import write_raw  # noqa: E402

import fairseq_xling  # noqa: E402

OUTPUTS = HERE / "outputs.json"
# A training's figures that tell of the machine.
MEASURED = re.compile(r".*(wall|wps|ups|gb_free|peak_memory)$")
LOGGED = re.compile(r".* \| (train|train_inner|valid) \| ({.*})")
GENERATED = re.compile(r"[SHDPT]-\d+\t")
# The commands that have run, so that a stopped run goes on.
DONE = "commands-done.txt"
LEFT_OUT = re.compile(rf"raw/.*|{DONE}|.*\.png")


def read_commands() -> List[List[str]]:
    """The command lines, with what stands for ``$NAME`` put in."""
    known = {"ROOT": str(ROOT)}
    commands = []
    for line in (HERE / "commands.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        line = re.sub(r"\$([A-Z]+)", lambda found: known[found[1]], line)
        if defined := re.fullmatch(r"([A-Z]+) = (.*)", line):
            known[defined[1]] = defined[2]
        elif line:
            commands.append(shlex.split(line))
    return commands


def run(command: List[str], work: Path, printed: str) -> None:
    """Run a command, and keep what it prints; of a training, in its folder."""
    if command[0] == "vary":
        return vary(work / command[1], work / command[2])
    beside = Path(sys.executable).with_name(command[0])
    program = str(beside) if beside.exists() else command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=work, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stderr[-3000:]}")
    if command[0] == "fairseq-train":
        folder = work / command[command.index("--save-dir") + 1]
        (folder / "train.log").write_text(figures(done.stdout + done.stderr))
    elif done.stdout:
        (work / "printed").mkdir(exist_ok=True)
        (work / "printed" / printed).write_text(done.stdout, encoding="utf-8")


def vary(source: Path, target: Path) -> None:
    """Draw a checkpoint's weights farther apart, so that what it predicts varies."""
    state = torch.load(source, map_location="cpu", weights_only=True)
    generator = torch.Generator().manual_seed(1)
    for _, tensor in sorted(state["model"].items()):
        if tensor.is_floating_point():
            tensor += 0.5 * torch.randn(tensor.shape, generator=generator)
    torch.save(state, target)


def figures(log: str) -> str:
    """A training's log without what is measured."""
    lines = []
    for kind, values in LOGGED.findall(log):
        kept = {k: v for k, v in json.loads(values).items() if not MEASURED.match(k)}
        lines.append(f"2000-01-01 00:00:00 | INFO | {kind} | {json.dumps(kept)}\n")
    return "".join(lines)


def from_python(work: Path) -> Dict[str, Any]:
    """What the Python interface gives, arrays as hashes."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tobytes"):
            return [str(value.dtype), list(value.shape), digest(value.tobytes())]
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        if hasattr(value, "_asdict"):
            return plain(value._asdict())
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        return plain(vars(value)) if hasattr(value, "__dict__") else value

    found = {}
    texts = {
        "pairs": [("der Hund", "die Katze"), ("the dog runs", "big house")],
        "tagging": ["der Hund läuft", ["the", "dog"]],
        "questions": [
            {"question": "the dog", "context": "big small house in the dog"},
            {"question": "der Hund", "context": "groß klein Haus im unter rot grün"},
        ],
    }
    for family, inputs in texts.items():
        model = fairseq_xling.from_pretrained(work / "runs" / family, data=work / "lm")
        found[family] = {
            "predict": model.predict(inputs, cpu=True),
            "mixed": model.predict(inputs, [inputs[1], None], batch_size=1, cpu=True),
            "features": model.extract_features(inputs, cpu=True),
            "embeddings": model.extract_features(inputs, layer=0, cpu=True),
            "mix": model.mix(inputs, inputs[::-1], per_head=True, cpu=True),
        }
    lm = fairseq_xling.from_pretrained(work / "lm", mixup_layer="1")
    found["pre-trained"] = lm.mix(["der Hund läuft"], ["the dog runs"], cpu=True)
    for kind, inputs in (
        ("sentences", ["the dog runs under the house", "der Hund läuft", "狗在房子"]),
        ("pairs", [("the big dog runs", "the cat sleeps in the house")]),
        ("words", [["the", "small", "dog", "sleeps"]]),
    ):
        found[f"augment {kind}"] = fairseq_xling.augment(inputs, str(work / "lm"))
    return plain(found)


def digest(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()[:16]


def checkpoint_parts(path: Path) -> Dict[str, bytes]:
    """A checkpoint's parameters, and what it tells of its options and its task."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    tensors = b"".join(
        f"{name} {tensor.dtype} {list(tensor.shape)}".encode()
        + tensor.numpy().tobytes()
        for name, tensor in sorted(state["model"].items())
    )
    told = {k: state.get(k) for k in ("args", "cfg", "task_state")}
    text = json.dumps(told, sort_keys=True, default=str)
    return {"parameters": tensors, "options": text.encode()}


def hash_files(work: Path) -> Dict[str, str]:
    """The hash of each file below the folder, by its path there."""
    files = [path for path in sorted(work.rglob("*")) if path.is_file()]
    replaced = {str(work): "WORK", str(ROOT): "ROOT"}
    for path in files:
        if path.suffix in (".pt", ".model"):
            # Copies go by the name of the first.
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            replaced.setdefault(sha256, f"sha256 of {path.relative_to(work)}")
    hashes = {}
    for path in files:
        name = str(path.relative_to(work))
        if LEFT_OUT.fullmatch(name):
            continue
        parts = {"": path.read_bytes()}
        if path.suffix == ".model":
            parts = {"": hashlib.sha256(parts[""]).hexdigest().encode()}
        if path.suffix == ".pt":
            parts = checkpoint_parts(path)
        for part, contents in parts.items():
            if part != "parameters":
                contents = without_paths(contents, replaced)
            if "generate-" in path.name:
                lines = contents.decode().splitlines(keepends=True)
                contents = "".join(filter(GENERATED.match, lines)).encode()
            hashes[" ".join(filter(None, (name, part)))] = digest(contents)
    return hashes


def without_paths(contents: bytes, replaced: Dict[str, str]) -> bytes:
    contents = contents.replace(b"<wbr>", b"")  # in paths of the report
    for found, name in replaced.items():
        contents = contents.replace(found.encode(), name.encode())
    return contents


def produce(work: Path) -> Dict[str, str]:
    """Run all that is not done in the folder yet, and hash what is there then."""
    write_raw(work / "raw")
    mark = work / DONE
    done = mark.read_text().splitlines() if mark.exists() else []
    count: Dict[str, int] = Counter()
    for command in read_commands():
        line = shlex.join(command).replace(str(ROOT), ".")
        program = Path(command[command[0] in ("python", "bash")]).name
        count[program] += 1
        if line not in done:
            print(line, file=sys.stderr, flush=True)
            run(command, work, f"{program}-{count[program]}.txt")
            with mark.open("a") as file:
                file.write(f"{line}\n")
    text = json.dumps(from_python(work), indent=1, ensure_ascii=False)
    (work / "python.json").write_text(text, encoding="utf-8")
    return hash_files(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--work", type=Path, help="folder to produce in, and keep")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (args.work or Path(scratch) / "work").resolve()
        work.mkdir(parents=True, exist_ok=True)
        found = produce(work)
    if not args.check:
        OUTPUTS.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n")
        print(f"{len(found)} hashes in {OUTPUTS}")
        return
    known = json.loads(OUTPUTS.read_text())
    differing = [x for x in sorted({*known, *found}) if known.get(x) != found.get(x)]
    for name in differing:
        is_new = "is new" if name not in known else "differs"
        print(f"{name}: {is_new if name in found else 'is not there any more'}")
    print(f"{len(differing)} of {len(known)} differ")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
