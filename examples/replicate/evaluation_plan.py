"""What is done with trained models: further evaluations, analyses, pages."""

from pathlib import Path
from typing import Collection, Dict, List, Optional, Sequence, Tuple

from plan import (
    BASELINES,
    DEMO_LANGUAGES,
    Setting,
    alone,
    checkpoint_of,
    folder_of,
    method_of,
    on_all,
    python,
    results_of,
    tool,
)

from fairseq_xling.stages import Stage

# Human translations to many languages, and the rows of each whose ratios are looked at.
HUMAN, RATIO_ROWS = "human", 100
# Whose states are looked at; the first two mix nothing.
COMPARED = ["zero-shot", "translate-train", "xmixup"]


def human_data(out: Path) -> Path:
    """XNLI with its human translations, binarized for a real encoder."""
    return out / "encoder" / f"xnli-{HUMAN}-bin"


def human_cka(setting: Setting, seed: int, out: Path) -> Path:
    """CKA of languages with what people translated them from."""
    return folder_of(setting, seed, out) / f"cka-{HUMAN}" / "cka.json"


def evaluating(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    out: Path,
    only: Optional[Collection[str]] = None,
) -> List[Stage]:
    """Evaluate trained models anew: without mixup inference, in unseen languages.

    Args:
        settings, seeds, out: what was trained.
        only: whose models (default: all).
    """
    stages = []
    for setting in settings:
        for seed in seeds:
            runs = {}
            for run in setting.runs:
                if only is not None and run not in only:
                    continue
                if run.endswith("-seen"):
                    everything = ["--target-langs", ",".join(DEMO_LANGUAGES)]
                    runs[on_all(run)] = (run, everything)
                elif method_of(run) == "xmixup":
                    options = ["--no-mixup-inference"]
                    if setting.targets:  # elsewhere there is nothing to mix with
                        options += ["--target-langs", ",".join(setting.targets)]
                    runs[alone(run)] = (run, options)
            for name, (run, options) in runs.items():
                folder = folder_of(setting, seed, out)
                path = checkpoint_of(setting, seed, run, out)
                predict = "mean" if method_of(run) == "xmixup" else "target"
                where = folder / name / "results-test"
                command = [
                    tool("xling-evaluate"), str(folder / "data-bin"), "--path",
                    str(path), "--names", name, "--predict", predict, "--cpu",
                    "--results-path", str(where), *options,
                ]  # fmt: skip
                title = f"{setting.name}, seed {seed}: {name}"
                inputs = [path, folder / "data-bin/manifest.json"]
                stages.append(
                    Stage(title, where, command, inputs, [where / "results.json"])
                )
    return stages


def analyzing(
    settings: Sequence[Setting], seeds: Sequence[int], out: Path
) -> List[Stage]:
    """CKA and the mixup ratio with every seed; maps of the languages with one."""
    stages = []
    for setting in settings:
        for seed in seeds if setting.analysed else ():
            folder = folder_of(setting, seed, out)
            for kind, options in analyses_of(setting, seed, seeds[0], out).items():
                title = f"{setting.name}, seed {seed}: {kind}"
                where = folder / "analysis" / kind
                data = folder / "data-bin"
                stages.append(analysis(title, kind, data, options, where))
    return stages


def analysis(
    title: str, kind: str, data: Path, options: Sequence[str], where: Path
) -> Stage:
    """One analysis of models that the options name."""
    command = [
        tool("xling-analyze"), kind, str(data), *options,
        "--cpu", "--results-path", str(where),
    ]  # fmt: skip
    named = [Path(x) for x in options if x.endswith((".pt", ".json"))]
    inputs, outputs = [data / "manifest.json", *named], [where / f"{kind}.json"]
    return Stage(title, where, command, inputs, outputs)


def ratio_evidence_of(setting: Setting, seed: int, out: Path, name: str = "") -> Path:
    """What ratio_evidence.py writes, of machine translations or those of ``name``."""
    folder = folder_of(setting, seed, out) / "-".join(filter(None, ["ratio", name]))
    return folder / "ratio_evidence.json"


def looking_at_ratios(setting: Setting, seed: int, out: Path) -> List[Stage]:
    """Whether the mixup ratio can learn: by layer, and by language."""
    path = checkpoint_of(setting, seed, "xmixup", out)
    data = {"": folder_of(setting, seed, out) / "data-bin", HUMAN: human_data(out)}
    stages = []
    for name, folder in data.items():
        done = ratio_evidence_of(setting, seed, out, name)
        command = python(
            "examples/replicate/ratio_evidence.py", folder, path, done.parent,
            *(["--rows", RATIO_ROWS, "--batches", 0] if name else []),
        )  # fmt: skip
        title = f"{setting.name}, seed {seed}: ratio {name}".strip()
        inputs = [path, folder / "manifest.json"]
        stages.append(Stage(title, done.parent, command, inputs, [done]))
    return stages


def comparing_languages(
    setting: Setting, seeds: Sequence[int], out: Path
) -> List[Stage]:
    """CKA and scores of languages that people translated, without mixup."""
    stages = []
    for seed in seeds:
        models, scores = compared(setting, seed, COMPARED[:2], out)
        title = f"{setting.name}, seed {seed}: cka {HUMAN}"
        where = human_cka(setting, seed, out).parent
        options = [*models, *scores]
        stages.append(analysis(title, "cka", human_data(out), options, where))
    return stages


def compared(
    setting: Setting, seed: int, runs: Sequence[str], out: Path
) -> Tuple[List[str], List[str]]:
    """Models and their scores, as options of ``xling-analyze``."""
    paths = [str(checkpoint_of(setting, seed, run, out)) for run in runs]
    scores = [str(results_of(setting, seed, run, out)) for run in runs]
    return ["--path", *paths, "--names", *runs], ["--results", *scores]


def analyses_of(
    setting: Setting, seed: int, first: int, out: Path
) -> Dict[str, List[str]]:
    """The options of each analysis of a setting's models.

    Args:
        setting, seed: whose models.
        first: the seed whose languages are drawn.
        out: where all runs are.
    """
    methods = [x for x in COMPARED if x in setting.methods]
    models, scores = compared(setting, seed, methods, out)
    few = []
    if setting.analysed_rows:
        few = ["--max-rows", str(setting.analysed_rows)]
    kinds = {"cka": [*models, *scores, *few]}
    if "xmixup" in methods:
        path = checkpoint_of(setting, seed, "xmixup", out)
        kinds["ratio"] = ["--path", str(path), *few]
    if "xmixup" in methods and seed == first:
        kinds.update(pca=[*models, "--max-rows", "200"], centroids=[*models, *few])
    return kinds


def reporting(settings: Sequence[Setting], seed: int, out: Path) -> List[List[Stage]]:
    """A page on each setting with one seed: models compared on the same rows."""
    comparisons, pages = [], []
    for setting in settings:
        folder = folder_of(setting, seed, out)
        methods = [x for x in ["translate-train", *BASELINES] if x in setting.methods]
        methods = list(dict.fromkeys(methods))
        paths = [checkpoint_of(setting, seed, run, out) for run in methods]
        streams = ["mean" if x == "xmixup" else "target" for x in methods]
        where, page = folder / "comparison", out / "reports" / f"{setting.name}.html"
        command = [
            tool("xling-evaluate"), str(folder / "data-bin"), "--path", str(paths[0]),
            "--compare", *map(str, paths[1:]), "--names", *methods, "--predict",
            *(streams if setting.task == "xnli" else ["target"]), "--cpu",
            "--results-path", str(where),
        ]  # fmt: skip
        inputs, outputs = [folder / "data-bin/manifest.json"], [where / "results.json"]
        title = f"{setting.name}, seed {seed}: comparison"
        comparisons.append(Stage(title, where, command, inputs + paths, outputs))
        runs = [where, *(path.parent for path in paths)]
        if setting.analysed:
            runs.append(folder / "analysis")
        if setting.has_human:
            runs.append(human_cka(setting, seed, out).parent)
        command = [
            tool("xling-report"), *map(str, runs),
            "--title", f"{setting.title[0].upper()}{setting.title[1:]}, seed {seed}",
            "--results-path", str(page),
        ]  # fmt: skip
        title = f"{setting.name}, seed {seed}: page"
        pages.append(Stage(title, page.with_suffix(""), command, outputs, [page]))
    return [comparisons, pages]
