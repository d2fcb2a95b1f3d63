"""Sources for inputs that have none: an engine translates to the source language."""

from collections import Counter
from itertools import chain
from typing import Any, List, Optional, Union

from fairseq_xling.errors import UserError
from fairseq_xling.families.translating import EMPTY
from fairseq_xling.translation.engine import Engine, EngineOptions
from fairseq_xling.translation.opening import open_engine


def open_translator(
    task: Any,
    engine: Union[str, Engine],
    lang: Optional[str],
    options: Optional[EngineOptions] = None,
) -> Engine:
    """An engine from the inputs' language to the source language of a model.

    Args:
        task: the model's.
        engine: as ``--engine`` of ``preprocess/translate.py`` names it; or an open one,
            which is taken as it is.
        lang: the language of the inputs.

    Raises:
        UserError: there is no such engine, or the model has no use for translations.
    """
    if task.cfg.no_mixup_inference:
        raise UserError(
            "translate: the model was trained with --no-mixup-inference and reads no "
            "translations; leave it out"
        )
    if isinstance(engine, Engine):
        return engine
    if lang is None:
        raise UserError(f"translate {engine}: give lang, the language of the inputs")
    return open_engine(engine, lang, task.source_lang, options)


def fill_sources(
    task: Any, rows: List[Any], others: List[Any], engine: Engine
) -> List[Any]:
    """Translate rows that have no source; each sentence once.

    Args:
        rows: inputs, as the family's encoder parsed them.
        others: their sources, None where there is none.

    Returns:
        the sources; None of a row of which the engine leaves something empty, which is
        then predicted alone.

    Raises:
        UserError: the engine fails.
    """
    translator = task.family.translator(is_trained=False)
    texts = [
        translator.texts(row) if other is None else []
        for row, other in zip(rows, others)
    ]
    asked = list(dict.fromkeys(chain.from_iterable(texts)))
    made = dict(zip(asked, engine.translate(asked)))
    found = list(others)
    for i, own in enumerate(texts):
        if own:
            counts: Counter = Counter()
            row = translator.rebuild(rows[i], [made[text] for text in own], counts)
            found[i] = None if counts[EMPTY] else row
    return found
