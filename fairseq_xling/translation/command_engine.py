"""A program that reads a sentence a line and writes a translation a line."""

import os
import shlex
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Dict, List, Optional, Set

from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.translation.engine import Engine, EngineOptions, fill_in

# Of a sentence, or of what a program says, so much is shown.
SHOWN = 120


class CommandEngine(Engine):
    """Runs a program anew for each chunk of sentences, without a shell.

    Where the command has ``{src}`` or ``{tgt}``, the first chunk shows which codes of
    the languages it takes: those with which it translates a sentence.
    """

    kind = "command"
    has_threads = True

    def __init__(
        self, spec: str, source: str, target: str, options: EngineOptions
    ) -> None:
        super().__init__(spec, source, target, options)
        try:
            self.words = shlex.split(spec)
        except ValueError as error:
            raise UserError(f"--engine {self.name}: {error}; mend its quotes") from None
        program = shutil.which(self.words[0]) if self.words else None
        if program is None:
            raise UserError(
                f"--engine {self.name}: no such program; install it, or give its path"
            )
        self.program = program
        self.command: Optional[List[str]] = None
        self.finding = Lock()
        self.running: Set[subprocess.Popen] = set()

    def settings(self) -> Dict[str, Any]:
        # The first file may be the script of an interpreter; others may be written to.
        files = [self.program, *list(filter(os.path.isfile, self.words[1:]))[:1]]
        hashes = {Path(name).name: sha256_of(name) for name in files}
        blank = {"blank_lines": True} if self.options.blank_lines else {}
        return {**super().settings(), **blank, "sha256": hashes}

    def run(self, sentences: List[str]) -> List[str]:
        first: List[str] = []
        with self.finding:
            if self.command is None:
                first = self._find_codes(sentences[0])
        rest = sentences[len(first) :]
        assert self.command is not None
        return first + (self._call(self.command, rest) if rest else [])

    def _find_codes(self, sentence: str) -> List[str]:
        """Choose the command, with a sentence where there are several.

        Returns:
            its translation; nothing where none was needed.
        """
        pairs = self.options.codes.pairs(self.source, self.target)
        found = [tuple(fill_in(word, pair) for word in self.words) for pair in pairs]
        commands = [list(words) for words in dict.fromkeys(found)]
        if len(commands) == 1:
            self.command = commands[0]
            return []
        refused = []
        for command in commands:
            try:
                translation = self._call(command, [sentence])
            except Refused as error:
                refused.append(error)
                continue
            self.command = command
            return translation
        raise UserError(
            f"{refused[0]} (nor with the codes of {len(commands) - 1} other ways of "
            f"writing {self.source} and {self.target}; give its own with --lang-code)"
        )

    def _call(self, command: List[str], sentences: List[str]) -> List[str]:
        """Run the program over sentences.

        Raises:
            Refused: it fails, or writes nothing.
            UserError: it does not end in time, or what it writes is not a line each.
        """
        shown = f"--engine {self.kind}:{shlex.join(command)}"
        step = 2 if self.options.blank_lines else 1
        text = "".join(sentence + "\n" * step for sentence in sentences)
        # A session of its own, so that all ends that a script has started.
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            self.running.add(process)
            try:
                out, err = process.communicate(text.encode(), self.options.timeout)
            except subprocess.TimeoutExpired:
                end(process)
                raise UserError(
                    f"{shown}: not done with {len(sentences)} sentences in "
                    f"{self.options.timeout:g} seconds; give it longer with --timeout, "
                    "or try it by hand"
                ) from None
            except BaseException:
                end(process)
                raise
            finally:
                self.running.discard(process)
        lines = out.split(b"\n")
        lines = lines[:-1] if not lines[-1] else lines
        if process.returncode or not lines:
            raise Refused(f"{shown}: {how_it_ended(process, err, lines, sentences)}")
        if step > 1 and not any(line.strip() for line in lines[1::2]):
            lines = lines[::2]
        if len(lines) != len(sentences):
            raise UserError(
                f"{shown}: wrote {len(lines)} lines for {len(sentences)} sentences; it "
                "must write one each"
            )
        return [self._decode(*both, shown) for both in zip(lines, sentences)]

    def _decode(self, line: bytes, sentence: str, shown: str) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{shown}: wrote no UTF-8 (byte {error.start + 1} of the line) for "
                f"{sentence[:SHOWN]!r}; set its encoding"
            ) from None

    def stop(self) -> None:
        for process in list(self.running):
            end(process)


class Refused(UserError):
    """A program ended with an error, or without a word."""


def end(process: subprocess.Popen) -> None:
    """Kill a program with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def how_it_ended(
    process: subprocess.Popen, err: bytes, lines: List[bytes], sentences: List[str]
) -> str:
    """What a program that failed has told, and where it stood."""
    status = process.returncode
    how = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    said = [x for x in err.decode("utf-8", "replace").splitlines() if x.strip()]
    told = f": {said[0].strip()[:SHOWN]}" if said else ""
    place = min(len(lines), len(sentences) - 1)
    return (
        f"wrote {len(lines)} lines for {len(sentences)} sentences and ended "
        f"({how}{told}); try it by hand with {sentences[place][:SHOWN]!r}"
    )
