"""The engine that ``--engine`` names."""

from typing import Dict, Optional, Type

from fairseq_xling.errors import UserError
from fairseq_xling.translation.command_engine import CommandEngine
from fairseq_xling.translation.engine import Engine, EngineOptions
from fairseq_xling.translation.fairseq_engine import FairseqEngine
from fairseq_xling.translation.function_engine import FunctionEngine
from fairseq_xling.translation.hf_engine import HuggingFaceEngine

ENGINES: Dict[str, Type[Engine]] = {
    one.kind: one
    for one in (CommandEngine, FairseqEngine, HuggingFaceEngine, FunctionEngine)
}


def open_engine(
    name: str, source: str, target: str, options: Optional[EngineOptions] = None
) -> Engine:
    """Open an engine for one direction; models are loaded with the first sentences.

    Args:
        name: its kind and what it runs, such as ``command:apertium {src}-{tgt}``.
        source, target: languages, as the data call them.

    Raises:
        UserError: there is no such engine, or nothing to translate.
    """
    kind, _, spec = name.partition(":")
    if kind not in ENGINES or not spec.strip():
        raise UserError(
            f"--engine {name}: give {', '.join(f'{one}:...' for one in ENGINES)}"
        )
    if source == target:
        raise UserError(
            f"--engine {name}: from {source} to {target} is no translation; give "
            "another language"
        )
    return ENGINES[kind](spec, source, target, options or EngineOptions())
