"""What a language code is: the one place that decides it.

ISO 639 with any further parts (script, region, variant), with hyphens or underscores
between, such as ``zh-Hans-CN``, ``pt_BR``, ``zh-min-nan`` and ``be-x-old``; and
Wikipedia's ``simple``.
"""

import re

_FIRST = "simple|[A-Za-z]{2,3}"
_PARTS = "(?:[-_][A-Za-z0-9]+)*"
# As part of a pattern; it takes as little as it can, as UD's treebanks are called
# {lang}_{name}.
LANGUAGE = rf"(?:{_FIRST}){_PARTS}?"
# WikiANN's words, such as en:Paris.
PREFIX = re.compile(rf"((?:simple|[a-z]{{2,3}}){_PARTS}:).")
