"""Files of runs as the commands write them, small and without training."""

import base64
import json
from argparse import Namespace
from html.parser import HTMLParser
from pathlib import Path

import torch

# One white dot.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTmiRQAA"
    "AABJRU5ErkJggg=="
)
LOG = """\
epoch 001:      2 / 4 loss=1.5, ups=2, bsz=8, num_updates=2, wall=3
epoch 001:      4 / 4 loss=1.0, ups=2, bsz=8, num_updates=4, wall=5
epoch 001 | valid on 'valid' subset | loss 1.2 | accuracy 61.5 | num_updates 4
epoch 001 | loss 1.1 | bsz 8 | num_updates 4 | train_wall 2 | wall 6 | peak_memory 0.75
"""
VOID = ("meta", "img", "wbr")


def write_run(
    folder: Path, log: str = LOG, name="checkpoint_best.pt", **options
) -> Path:
    """A training run, whose checkpoint holds no weights."""
    folder.mkdir(parents=True, exist_ok=True)
    task = {"_name": "xmixup_xnli", "training_set": "pairs", "data": "bin"}
    cfg = {
        "common": {"seed": 1, "cpu": True, "log_file": None},
        "checkpoint": {
            "save_dir": str(folder),
            "best_checkpoint_metric": "accuracy",
            "maximize_best_checkpoint_metric": True,
        },
        "task": {**task, **options},
        "criterion": {"_name": "xmixup"},
        "generation": {"beam": 5},
        "model": Namespace(arch="mini", beam=5, seed=1, mixup_layer="1"),
    }
    torch.save({"args": None, "cfg": cfg, "model": {}}, folder / name)
    if log:
        (folder / "train.log").write_text(log, encoding="utf-8")
    return folder


def scores_of(languages, first, **more):
    values = {lang: first - i for i, lang in enumerate(languages)}
    return {**values, "average": first - 1.0, "gap": 1.5, **more}


def write_results(folder: Path, languages=("en", "de"), names=("a", "b"), bounds=True):
    """An evaluation of sentence pairs, the first model the baseline."""
    models = {}
    for i, name in enumerate(names):
        model = {"path": "x.pt", "predict": "target"}
        model["scores"] = {"target": scores_of(languages, 80.0 + i)}
        if bounds:
            pairs = {x: [60.25, 90.75] for x in (*languages, "average")}
            model["intervals"] = {"target": pairs}
        models[name] = model
    results = {
        "split": "test",
        "models": models,
        "languages": list(languages),
        "task": "xnli",
        "family": "classification",
        "metric": "accuracy",
        "source_lang": languages[0],
        "labels": ["x", "y"],
    }
    if len(names) > 1:
        sure = {"value": 3.25, "low": 1.5, "high": 5.0, "p_value": 0.0004}
        unsure = {"value": -0.5, "low": -2.0, "high": 1.0, "p_value": 0.51}
        found = {lang: unsure for lang in languages}
        results["baseline"] = names[0]
        results["differences"] = {x: {**found, "average": sure} for x in names[1:]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def write_analysis(folder: Path, kind="cka", table="| model | de |\n| --- | ---: |\n"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kind}.json").write_text(json.dumps({"analysis": kind}))
    text = f"{table}| one \\| two | 0.5 |\n\nWhat it is\nabout.\n"
    (folder / f"{kind}.md").write_text(text, encoding="utf-8")
    for name in (kind, f"{kind}-layers", "other"):
        (folder / f"{name}.png").write_bytes(PNG)
    return folder


def write_multimix(folder: Path, lang="sw"):
    folder.mkdir(parents=True, exist_ok=True)
    epochs = [
        {
            "epoch": i,
            "pools": {},
            "scores": {"test": {"en": [70, 71, 72], lang: [i] * 3}},
        }
        for i in range(4)
    ]
    (folder / "report.json").write_text(json.dumps(epochs), encoding="utf-8")
    (folder / "report.md").write_text("|  | test |\n| --- | ---: |\n| warm-up | 70 |\n")
    return folder


class Page(HTMLParser):
    """A page's elements and text; it fails where tags do not balance."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.tags, self.texts = [], [], []
        self.is_broken = False
        self.feed(self.source)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), attrs
        self.is_broken = tag == "wbr"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.is_broken:
            data = self.texts.pop() + data
        self.is_broken = False
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def of(self, tag):
        """The attributes of all such elements."""
        return [attributes for name, attributes in self.tags if name == tag]
