"""xling-predict: tags, answers or classes for text, with a fine-tuned model.

Reads one input a line, writes one JSON object a line. A line is plain text: a sentence
to tag; or premise, hypothesis; or question, passage, with a tab between. Or it is a
JSON object with these names (``text`` or ``words`` for tagging), and under ``source``,
in the same form, its translation to the source language, which then takes part by
mixup; other fields are copied to the output, but for those that the prediction has,
too. Text that begins with a brace is to be given as JSON. An empty line is an error.
"""

import argparse
import itertools
import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Tuple

from fairseq_xling.cli.options import add_batch_options, check_least, quiet_logging
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.destination import check_output
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.text_lines import decode_line, lines_of
from fairseq_xling.predictor.predictor import Predictor, from_pretrained

CHUNK_LINES = 1024
NAMES = (
    *("text", "words", "question", "context", "source"),
    *("premise", "hypothesis", "sentence1", "sentence2"),
)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-predict``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "input", nargs="?", default="-", help="file of lines (default: standard input)"
    )
    parser.add_argument(
        "--path", required=True, help="checkpoint of fairseq-train, or its folder"
    )
    parser.add_argument(
        "--data",
        help="folder with dict.txt and sentencepiece.bpe.model (default: beside the "
        "checkpoint, or the data that it was trained on)",
    )
    parser.add_argument("--output", default="-", help="file (default: standard output)")
    parser.add_argument(
        "--format",
        choices=["json", "text"],
        default="json",
        help="text: word, tag and probability in columns; or answer or label, and "
        "probability",
    )
    add_batch_options(parser)
    return parser


def read_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Lines of UTF-8 without their ends.

    Raises:
        UserError: a line is not UTF-8.
    """
    for number, raw in enumerate(lines_of(file), 1):
        yield decode_line(name, number, raw)


def parse_line(line: str, where: str, family: str) -> Tuple[Any, Any, Dict[str, Any]]:
    """Input, source and further fields of one line.

    Raises:
        UserError: it is empty, or no JSON though it looks like it.
    """
    if not line.strip():
        raise UserError(f"{where}: empty; give it text, or remove the line")
    if not line.lstrip().startswith("{"):
        if family == "tagging":
            return line, None, {}
        parts = line.split("\t")
        if len(parts) != 2:
            raise UserError(
                f"{where}: {len(parts) - 1} tabs; give two texts with one between them"
            )
        return parts, None, {}
    try:
        fields = parse_json(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: not JSON ({error.msg}, character {error.pos + 1}), though it "
            "begins with a brace; mend the line"
        ) from None
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({error}); mend the line") from None
    others = {name: value for name, value in fields.items() if name not in NAMES}
    return fields, fields.get("source") or None, others


def predict_lines(
    predictor: Predictor, lines: Iterator[str], name: str, args: argparse.Namespace
) -> Iterator[Dict[str, Any]]:
    """Predictions of lines, in their order."""
    number = 0
    while True:
        block = list(itertools.islice(lines, CHUNK_LINES))
        if not block:
            return
        inputs: List[Any] = []
        sources: List[Any] = []
        others: List[Dict[str, Any]] = []
        for line in block:
            number += 1
            where = f"{name}, line {number}"
            text, source, more = parse_line(line, where, predictor.task.family)
            inputs.append(predictor.parse(text, where))
            if source is not None:
                source = predictor.parse(source, f"{where}, source")
            sources.append(source)
            others.append(more)
        results = predictor.predict_parsed(inputs, sources, args)
        for more, result in zip(others, results):
            yield {**more, **result}


def as_text(result: Dict[str, Any]) -> str:
    """A prediction as columns."""
    if "tags" in result:
        rows = zip(result["words"], result["tags"], result["probabilities"])
        return "".join(f"{flat(word)}\t{tag}\t{p:.4f}\n" for word, tag, p in rows)
    if "label" in result:
        return f"{result['label']}\t{result['probabilities'][result['label']]:.4f}"
    return f"{flat(result['answer'])}\t{result['probability']:.4f}"


def flat(text: str) -> str:
    """A text without tabs and line breaks, which separate columns and rows."""
    return " ".join(text.split())


def files_read(args: argparse.Namespace) -> List[Path]:
    """The files that a run reads; of folders, all that are in there."""
    found = [Path(args.input)]
    for name in (args.path, args.data):
        path = Path(name or args.path)
        found += path.iterdir() if path.is_dir() else [path, *path.parent.glob("*.txt")]
    return found


def main(args: argparse.Namespace) -> None:
    """Predict.

    Raises:
        UserError: the model or a line is wrong.
    """
    check_least(args)
    if args.output != "-":
        check_output(args.output, files_read(args))
    with ExitStack() as stack:
        name = args.input
        if name == "-":
            name, source = "standard input", sys.stdin.buffer
        else:
            try:
                source = stack.enter_context(open(name, "rb"))
            except OSError as error:
                raise UserError(f"{name}: {error.strerror}; give a file") from None
        predictor = from_pretrained(args.path, data=args.data)
        target: Any = sys.stdout
        if args.output != "-":
            target = stack.enter_context(atomic_file(args.output))
        lines = read_lines(source, name)
        for result in predict_lines(predictor, lines, name, args):
            text = as_text(result) if args.format == "text" else None
            line = json.dumps(result, ensure_ascii=False) if text is None else text
            print(line, file=target)


def cli_main() -> None:
    """Entry point of ``xling-predict``."""
    args = build_parser().parse_args()
    quiet_logging()
    # Texts of all languages; and no complaint where the reader has read enough.
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with one_line_errors():
        main(args)


if __name__ == "__main__":
    cli_main()
