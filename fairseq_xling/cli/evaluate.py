"""xling-evaluate: every language of a split, one model or several side by side."""

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.analysis.accuracy_chart import accuracy_chart
from fairseq_xling.cli.tables import markdown_table, text_table
from fairseq_xling.data.atomic import atomic_file
from fairseq_xling.errors import UserError
from fairseq_xling.metrics.accuracy import accuracy, summarize
from fairseq_xling.metrics.bootstrap import paired_bootstrap
from fairseq_xling.prediction import WAYS, Predictions, load_task_model, predict_split

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-evaluate``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--path", required=True, help="checkpoint to evaluate")
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="PATH", help="further checkpoints"
    )
    parser.add_argument(
        "--names", nargs="+", help="names of the checkpoints in the tables"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument(
        "--predict",
        nargs="+",
        default=["mean"],
        choices=WAYS,
        help="stream that gives a model's prediction: the mean of both, the target or "
        "the source; one for all models, or one for each",
    )
    parser.add_argument(
        "--results-path", help="folder to write (default: beside the checkpoint)"
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, help="instead of --batch-size")
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    parser.add_argument("--fp16", action="store_true", help="half precision, on a GPU")
    parser.add_argument("--bootstrap-samples", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    return parser


def choose_names(paths: Sequence[str], names: Optional[Sequence[str]]) -> List[str]:
    """Names of the models: as given, or the checkpoints' folders.

    Raises:
        UserError: the names do not fit the checkpoints, or repeat.
    """
    if names is None:
        names = [Path(path).resolve().parent.name for path in paths]
        if len(set(names)) < len(names):
            names = [f"{name}/{Path(path).stem}" for name, path in zip(names, paths)]
    if len(names) != len(paths) or len(set(names)) < len(names):
        raise UserError(
            f"--names {' '.join(names)}: give {len(paths)} different names, one for "
            "each checkpoint"
        )
    return list(names)


def choose_ways(ways: Sequence[str], count: int) -> List[str]:
    """The predicting stream of each model.

    Raises:
        UserError: their number is neither one nor that of the models.
    """
    if len(ways) not in (1, count):
        raise UserError(
            f"--predict {' '.join(ways)}: give one for all {count} checkpoints, or one "
            "for each"
        )
    return list(ways) * (count if len(ways) == 1 else 1)


def score(
    predictions: Dict[str, Predictions], source_lang: str, way: str
) -> Dict[str, Any]:
    """Scores of one model.

    Args:
        predictions: by language.
        source_lang: the language with labels.
        way: the stream that gives the model's prediction.

    Returns:
        what ``results.json`` says of the model.
    """
    scores: Dict[str, Dict[str, float]] = {}
    gold = {lang: one.labels for lang, one in predictions.items()}
    for each in WAYS:
        by_lang = {
            lang: accuracy(one.predicted(each), labels)
            for (lang, one), labels in zip(predictions.items(), gold.values())
            if labels is not None
        }
        if len(by_lang) == len(predictions):
            scores[each] = summarize(by_lang, source_lang)
    return {
        "predict": way,
        "rows": {lang: len(one.target) for lang, one in predictions.items()},
        "with_source": {
            lang: int(one.has_source.sum()) for lang, one in predictions.items()
        },
        "accuracy": scores,
        "lambda": {
            lang: {"mean": float(one.ratio.mean()), "std": float(one.ratio.std())}
            for lang, one in predictions.items()
            if one.ratio is not None
        },
    }


def table_rows(results: Dict[str, Any], languages: List[str]) -> List[list]:
    """A row a model and stream; the predicting one is marked."""
    rows = []
    for name, model in results["models"].items():
        paired = any(model["with_source"].values())
        for way, scores in model["accuracy"].items():
            if not paired and way != "target":
                continue
            chosen = way == model["predict"] or not paired
            label = f"{name} ({way})" + (" *" if chosen else "")
            cells = [scores[lang] for lang in languages]
            rows.append([label, *cells, scores["average"], scores.get("gap")])
    return rows


def write_results(
    folder: Path,
    results: Dict[str, Any],
    predictions: Dict[str, Dict[str, Predictions]],
    label_names: List[str],
) -> str:
    """Write tables, figures of merit and prediction files.

    Prediction files are XTREME's: one label a line, in the order of the split.

    Returns:
        the text table.
    """
    for name, by_lang in predictions.items():
        way = results["models"][name]["predict"]
        for lang, one in by_lang.items():
            path = folder / "predictions" / name / f"{results['split']}-{lang}.tsv"
            with atomic_file(path) as file:
                labels = (label_names[i] for i in one.predicted(way))
                file.writelines(f"{label}\n" for label in labels)
    languages = results["languages"]
    header = ["model (stream)", *languages, "Avg.", "Gap"]
    rows = table_rows(results, languages)
    legend = (
        f"Accuracy in percent on {results['task']} {results['split']}; * predicts; "
        "Avg.: mean over languages; Gap: source language minus the mean of the others."
    )
    text = text_table(header, rows) + f"\n{legend}\n" + differences_text(results)
    markdown = markdown_table(header, rows) + f"\n{legend}\n"
    with atomic_file(folder / "results.txt") as file:
        file.write(text)
    with atomic_file(folder / "results.md") as file:
        file.write(markdown + differences_text(results))
    with atomic_file(folder / "results.json") as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    if rows:
        accuracy_chart(results, folder / "accuracy.png")
    return text


def differences_text(results: Dict[str, Any]) -> str:
    """One line a compared model: difference of averages with its interval."""
    lines = []
    for name, by_lang in results.get("differences", {}).items():
        d = by_lang["average"]
        p_value = d["p_value"]
        p_text = f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"
        lines.append(
            f"{name} minus {results['baseline']}: {d['value']:+.2f} points on average "
            f"(95 percent interval {d['low']:+.2f} to {d['high']:+.2f}, {p_text}, "
            "paired bootstrap)\n"
        )
    return "\n" + "".join(lines) if lines else ""


def main(args: argparse.Namespace) -> Dict[str, Any]:
    """Evaluate, write the results, and return what ``results.json`` holds.

    Raises:
        UserError: a checkpoint, the data or an option is wrong.
    """
    paths = [args.path, *args.compare]
    names = choose_names(paths, args.names)
    ways = choose_ways(args.predict, len(paths))
    results: Dict[str, Any] = {"split": args.split, "models": {}}
    predictions: Dict[str, Dict[str, Predictions]] = {}
    label_names: List[str] = []
    for name, path, way in zip(names, paths, ways):
        task, model = load_task_model(path, args.data)
        predictions[name] = predict_split(task, model, args.split, args)
        results["models"][name] = {
            "path": str(path),
            **score(predictions[name], task.source_lang, way),
        }
        if not any(results["models"][name]["with_source"].values()):
            logger.info(f"{name}: predicts from the target alone")
        languages = list(predictions[name])
        if languages != results.setdefault("languages", languages):
            raise UserError(
                f"{path}: its languages are {','.join(languages)}, those of {paths[0]} "
                f"{','.join(results['languages'])}; compare models of the same ones"
            )
        results.update(task=task.benchmark, source_lang=task.source_lang)
        label_names = task.label_names
    if not results["models"][names[0]]["accuracy"]:
        logger.warning(f"{args.split} has no labels: only predictions are written")
    elif len(names) > 1:
        right = {
            name: {
                lang: one.predicted(way) == one.labels
                for lang, one in predictions[name].items()
            }
            for name, way in zip(names, ways)
        }
        results["baseline"] = names[0]
        results["differences"] = {}
        for name in names[1:]:
            found = paired_bootstrap(
                right[names[0]], right[name], args.bootstrap_samples, args.seed
            )
            results["differences"][name] = {k: asdict(d) for k, d in found.items()}
    folder = Path(args.results_path or Path(args.path).parent / f"results-{args.split}")
    print(write_results(folder, results, predictions, label_names))
    print(f"written to {folder}")
    return results


def cli_main() -> None:
    """Entry point of ``xling-evaluate``."""
    args = build_parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    logging.getLogger("fairseq").setLevel(logging.WARNING)
    main(args)


if __name__ == "__main__":
    cli_main()
