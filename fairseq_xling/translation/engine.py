"""What an engine is: it translates sentences from one language to another."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import is_blank, one_line
from fairseq_xling.translation.language_codes import LanguageCodes, Pair

# Of fewer sentences all may come back empty.
MANY = 10


@dataclass(frozen=True)
class EngineOptions:
    """How engines run; each has a use for some of them.

    Attributes:
        codes: the languages' codes.
        timeout: seconds that a program may take for a chunk of sentences.
        blank_lines: whether a program gets an empty line after each sentence, as one
            needs that takes lines for running text.
        beam: hypotheses of a model's beam search.
        batch_size: sentences of a model's batch, where there is no ``max_tokens``.
        max_tokens: tokens of a batch, padding included.
        cpu: whether to leave a GPU unused.
        fp16, bf16: whether a model computes in half precision.
    """

    codes: LanguageCodes = LanguageCodes()
    timeout: float = 1800
    blank_lines: bool = False
    beam: int = 5
    batch_size: int = 64
    max_tokens: Optional[int] = None
    cpu: bool = False
    fp16: bool = False
    bf16: bool = False


class Engine:
    """An engine for one direction.

    Args:
        spec: what it runs, without its kind; may hold ``{src}`` and ``{tgt}``.
        source, target: languages, as the data call them.

    Attributes:
        kind: what stands before the colon of ``--engine``.
        has_threads: whether several threads may call it at once.

    Raises:
        UserError: there is no such thing to run.
    """

    kind: str
    has_threads = False

    def __init__(
        self, spec: str, source: str, target: str, options: EngineOptions
    ) -> None:
        self.spec = spec
        self.source = source
        self.target = target
        self.options = options

    @property
    def name(self) -> str:
        """As ``--engine`` is given."""
        return f"{self.kind}:{self.spec}"

    def settings(self) -> Dict[str, Any]:
        """What translations depend on: the engine with its files' hashes, and options.

        Translations of other settings are not reused. They are known before anything
        is translated, and are plain enough for JSON.
        """
        given = self.options.codes.given
        codes = {x: given[x] for x in (self.source, self.target) if x in given}
        return {"engine": self.name, **({"codes": codes} if codes else {})}

    def versions(self) -> Dict[str, str]:
        """The versions of what runs it."""
        return {}

    def translate(self, sentences: Sequence[str]) -> List[str]:
        """Translate sentences; one without visible text stays empty and is not sent.

        Args:
            sentences: what ends a line in them counts as a space.

        Returns:
            as many, each without what ends a line; an engine may leave some empty.

        Raises:
            UserError: the engine fails, or does not return as many.
        """
        given = [one_line(sentence) for sentence in sentences]
        asked = [sentence for sentence in given if not is_blank(sentence)]
        found = self.run(asked) if asked else []
        if len(found) != len(asked):
            raise UserError(
                f"--engine {self.name}: gave {len(found)} translations for "
                f"{len(asked)} sentences; it must give one each"
            )
        found = ["" if is_blank(text) else one_line(text) for text in found]
        if len(found) >= MANY and not any(found):
            raise UserError(
                f"--engine {self.name}: gave empty translations alone for {len(found)} "
                f"sentences from {self.source} to {self.target}; try it by hand"
            )
        rest = iter(found)
        return ["" if is_blank(sentence) else next(rest) for sentence in given]

    def run(self, sentences: List[str]) -> List[str]:
        """Translate sentences that are whole lines, none of them blank."""
        raise NotImplementedError

    def stop(self) -> None:
        """End what runs in other threads."""

    def renderings(self) -> Iterator[str]:
        """The spec for each way of writing the languages' codes, different ones."""
        pairs = self.options.codes.pairs(self.source, self.target)
        yield from dict.fromkeys(fill_in(self.spec, pair) for pair in pairs)


def fill_in(text: str, pair: Pair) -> str:
    """Put codes of languages in the place of ``{src}`` and ``{tgt}``."""
    return text.replace("{src}", pair[0]).replace("{tgt}", pair[1])
