"""A Python function that translates a list of sentences."""

import hashlib
import importlib
import inspect
import os
import sys
from typing import Any, Dict, List

from fairseq_xling.errors import UserError
from fairseq_xling.translation.engine import Engine, EngineOptions


class FunctionEngine(Engine):
    """Calls ``module.function(sentences, source, target)`` of the user's.

    The module is looked for as ``python -m`` does, in the folder of work, too. The
    languages are called as in the data, or as ``--lang-code`` says.
    """

    kind = "python"

    def __init__(
        self, spec: str, source: str, target: str, options: EngineOptions
    ) -> None:
        super().__init__(spec, source, target, options)
        module, _, name = spec.rpartition(".")
        if not module:
            raise UserError(f"--engine {self.name}: give it as python:module.function")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            function = getattr(importlib.import_module(module), name, None)
        except ImportError as error:
            raise UserError(f"--engine {self.name}: {error}") from None
        if not callable(function):
            raise UserError(f"--engine {self.name}: {module} has no function {name}")
        self.function = function

    def settings(self) -> Dict[str, Any]:
        module = inspect.getsource(sys.modules[self.function.__module__])
        digest = hashlib.sha256(module.encode()).hexdigest()
        return {**super().settings(), "sha256": digest}

    def run(self, sentences: List[str]) -> List[str]:
        codes = self.options.codes
        pair = (codes.of(self.source)[0], codes.of(self.target)[0])
        found = list(self.function(sentences, *pair))
        wrong = [type(text).__name__ for text in found if not isinstance(text, str)]
        if wrong:
            raise UserError(
                f"--engine {self.name}: returned {wrong[0]}, not a list of texts"
            )
        return [text.encode("utf-8", "replace").decode() for text in found]
