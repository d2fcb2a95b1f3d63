"""Predictions of a file's lines: plain text or JSON in, JSON or columns out."""

import itertools
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.destination import check_output
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.text_lines import decode_line, lines_of
from fairseq_xling.predictor.predictor import Predictor, from_pretrained
from fairseq_xling.predictor.translating import fill_sources, open_translator
from fairseq_xling.translation.engine import Engine, EngineOptions

CHUNK_LINES = 1024
NAMES = (
    *("text", "words", "question", "context", "source"),
    *("premise", "hypothesis", "sentence1", "sentence2"),
)


def predict_file(
    source: str,
    path: str,
    data: Optional[str],
    output: str,
    in_columns: bool,
    batches: BatchOptions,
    engine: Optional[str] = None,
    lang: Optional[str] = None,
    engine_options: Optional[EngineOptions] = None,
) -> None:
    """Predict each line of a file, in their order.

    Args:
        source: the file; ``-`` for standard input.
        path, data: as of :func:`~fairseq_xling.predictor.predictor.from_pretrained`.
        output: the file to write; ``-`` for standard output.
        in_columns: whether to write columns of text, not JSON.
        batches: how the model is run.
        engine, lang: as ``translate`` and ``lang`` of :meth:`Predictor.predict`.
        engine_options: how the engine runs.

    Raises:
        UserError: the model, a file, a line or the engine is wrong.
    """
    if output != "-":
        check_output(output, files_read(source, path, data))
    with ExitStack() as stack:
        if source == "-":
            name, opened = "standard input", sys.stdin.buffer
        else:
            name, opened = source, stack.enter_context(open_lines(source))
        predictor = from_pretrained(path, data=data)
        translator = None
        if engine is not None:
            translator = open_translator(predictor.task, engine, lang, engine_options)
        target: Any = sys.stdout
        if output != "-":
            target = stack.enter_context(atomic_file(output))
        lines = (decode_line(name, i, raw) for i, raw in enumerate(lines_of(opened), 1))
        for result in predict_lines(predictor, lines, name, batches, translator):
            if in_columns:
                print(as_text(result), file=target)
            else:
                print(json.dumps(result, ensure_ascii=False), file=target)


def files_read(source: str, path: str, data: Optional[str]) -> List[Path]:
    """The files that a run reads; of folders, all that are in there."""
    found = [Path(source)]
    for name in map(Path, (path, data or path)):
        found += name.iterdir() if name.is_dir() else [name, *name.parent.glob("*.txt")]
    return found


def open_lines(path: str) -> BinaryIO:
    """Open a file."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file") from None


def parse_line(line: str, where: str, is_pair: bool) -> Tuple[Any, Any, Dict[str, Any]]:
    """Input, source and further fields of one line."""
    if not line.strip():
        raise UserError(f"{where}: empty; give it text, or remove the line")
    if not line.lstrip().startswith("{"):
        if not is_pair:
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
    predictor: Predictor,
    lines: Iterator[str],
    name: str,
    batches: BatchOptions,
    engine: Optional[Engine] = None,
) -> Iterator[Dict[str, Any]]:
    """Predictions of lines, in their order.

    Args:
        engine: translates lines without source.
    """
    is_pair = not predictor.task.family.labels_words
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
            text, source, more = parse_line(line, where, is_pair)
            inputs.append(predictor.parse(text, where))
            if source is not None:
                source = predictor.parse(source, f"{where}, source")
            sources.append(source)
            others.append(more)
        if engine is not None:
            sources = fill_sources(predictor.task, inputs, sources, engine)
        results = predictor.predict_parsed(inputs, sources, batches)
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
