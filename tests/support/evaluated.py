"""xling-evaluate as tests call it."""

from argparse import Namespace
from typing import Any, Dict

from fairseq_xling.cli.evaluate import build_parser, main

LANGUAGES = ["en", "de", "zh"]


def arguments(data: Any, path: Any, folder: Any, *options: Any) -> Namespace:
    given = [data, "--path", path, "--results-path", folder, "--cpu", *options]
    return build_parser().parse_args([str(option) for option in given])


def evaluate(*given: Any) -> Dict[str, Any]:
    return main(arguments(*given))
