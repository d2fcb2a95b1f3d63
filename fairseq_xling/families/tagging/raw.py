"""Sentences whose words have tags, from the column formats they are published in.

One word a line, an empty line after each sentence, columns separated by tabs (in files
of other names than ``.tsv`` also by spaces): the first is the word, the last its tag; a
single column has no tags. Also read:

* CoNLL-U (``.conllu``): form and universal part of speech of each syntactic word;
  ranges such as ``1-2`` and empty nodes such as ``1.1`` are left out;
* CoNLL-2002 and 2003: ``-DOCSTART-`` lines are left out, IOB1 becomes IOB2;
* MultiCoNER: ``# id ...`` gives a sentence its id;
* WikiANN: words with their language in front (``en:word``);
* translations as running text (``*-translated.txt``): one sentence a line, see
  :func:`split_words`; an empty line is a sentence without translation.

Comments ``# sent_id = ...`` give a sentence its id, by which translations are found;
others, such as ``# newdoc id = ...`` and ``# newpar``, are left out. So are sentences
of which all words, or all but one, are withheld (``_``), as XTREME's own preprocessing
leaves them out: some treebanks give annotations without the text.
"""

import re
import unicodedata
from pathlib import Path
from typing import IO, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

from fairseq_xling.data.id_index import IdIndex
from fairseq_xling.data.labels import find_label
from fairseq_xling.data.languages import PREFIX
from fairseq_xling.errors import UserError
from fairseq_xling.families.raw import RawFile
from fairseq_xling.files.text_lines import decode_line, open_lines

# In files other than CoNLL-U, where a line may also begin with the word "#".
COMMENT = re.compile(
    r"#\s*new(?:doc|par)(?:\s+id)?\s*(?:=|$)|#\s*[\w.:\[\]-]+ =(?: |$)"
    r"|#\s+[\w.:\[\]-]+\s*="
)
# What a line of tabs may also be, if it has none.
LOOSE_COMMENT = re.compile(r"#+ +\S")
SENTENCE_ID = re.compile(r"#\s*sent_id\s*=\s*(\S.*?)\s*$")
# MultiCoNER's, whose ids have this form; with their domain, they begin a sentence.
MULTICONER_ID = re.compile(r"# id ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
SPACES = re.compile(" +")
TEXT_ENDING = "-translated.txt"
WITHHELD = "_"
# Scripts written without spaces between words; each character is a word there.
UNSPACED = re.compile(
    r"[\u2e80-\u303f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
# A place is a byte of one of the files: its number stands above these bits.
FILE_SHIFT = 44


class TaggedSentence(NamedTuple):
    """One sentence, and where it stands; of running text, the text, too."""

    words: List[str]
    tags: Optional[List[str]]
    id: Optional[str]
    line: int
    path: Path
    label: None = None
    text: Optional[str] = None

    @property
    def is_whole(self) -> bool:
        """Whether it has words to learn from."""
        return bool(self.words) and not self.is_withheld

    @property
    def is_withheld(self) -> bool:
        """Whether all words, or all but one, are withheld."""
        count = self.words.count(WITHHELD)
        return count > 0 and count >= len(self.words) - 1


def split_words(text: str) -> List[str]:
    """Split running text into words, as tagged data have them.

    At white space, before and after every punctuation mark that ends or begins a word,
    and around every character of a script without spaces (Chinese, Japanese).
    """
    words: List[str] = []
    for chunk in UNSPACED.sub(lambda match: f" {match.group()} ", text).split():
        start, end = 0, len(chunk)
        while start < end and _is_punctuation(chunk[start]):
            start += 1
        while end > start and _is_punctuation(chunk[end - 1]):
            end -= 1
        words += list(chunk[:start])
        words += [chunk[start:end]] if start < end else []
        words += list(chunk[end:])
    return words


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def to_iob2(tags: List[str]) -> List[str]:
    """Make every chunk begin with ``B-``, as IOB1 does only between two of one type."""
    out = []
    for i, tag in enumerate(tags):
        before = tags[i - 1] if i else "O"
        begins = tag.startswith("I-") and before[2:] != tag[2:]
        out.append(f"B-{tag[2:]}" if begins else tag)
    return out


class SentenceFile(RawFile):
    """The tagged sentences of one file, or of several that belong together.

    Args:
        tags: the known tags, and other spellings of them.
        chunked: whether tags are chunks (``B-LOC``), of which IOB1 is brought to IOB2.
    """

    labels_survive_translation = False

    def __init__(
        self, paths: List[Path], tags: Dict[str, str], chunked: bool = False
    ) -> None:
        self.paths = paths
        self.path = paths[0]
        self.known = tags
        self.files: Dict[int, IO[bytes]] = {}
        # The first sentence shows which of these the file has; it is read without.
        self.expects_ids: Optional[bool] = None
        self.is_iob1 = False
        self.prefix = ""
        first = next(self.rows(), None)
        if first is None:
            raise UserError(
                f"{self.path}: has no sentences; give it some, or remove it"
            )
        self.has_ids = self.expects_ids = first.id is not None
        self.has_labels = first.tags is not None
        matches = [PREFIX.match(word) for word in first.words]
        prefixes = {match.group(1) if match else "" for match in matches}
        self.prefix = prefixes.pop() if chunked and len(prefixes) == 1 else ""
        if chunked and self.has_labels:
            self.is_iob1 = self._begins_chunks_with_i()

    def _begins_chunks_with_i(self) -> bool:
        began = {"B-": 0, "I-": 0}
        for sentence in self.rows():
            previous = "O"
            for tag in sentence.tags or []:
                if tag[:2] in began and previous[2:] != tag[2:]:
                    began[tag[:2]] += 1
                previous = tag
        return began["I-"] > began["B-"]

    def placed(self) -> Iterator[Tuple[TaggedSentence, int]]:
        """Read sentence by sentence; see :meth:`RawFile.placed`.

        Raises:
            UserError: a line has another number of columns than those before it, an
                unknown tag or no word, or is not UTF-8; the message names file and
                line.
        """
        for number, path in enumerate(self.paths):
            with open_lines(path) as file:
                for sentence, offset in self._read(path, file, 0):
                    yield sentence, (number << FILE_SHIFT) + offset

    def _read(
        self, path: Path, file: IO[bytes], line_before: int
    ) -> Iterator[Tuple[TaggedSentence, int]]:
        """Sentences from where the file stands, with the byte where each begins."""
        block = _Block(self, path)
        offset, start = file.tell(), file.tell()
        number = line_before
        as_text = path.name.endswith(TEXT_ENDING)
        for number, raw in enumerate(file, line_before + 1):
            line = decode_line(path, number, raw)
            if as_text:
                words = split_words(line)
                row = TaggedSentence(words, None, None, number, path, text=line)
                yield row, offset
            elif line.strip(" \t"):
                if not block.line:
                    start = offset
                block.add(line, number)
            elif block.words:
                yield block.take(), start
            else:
                block.clear()
            offset += len(raw)
        if block.words:
            yield block.take(), start

    def row_at(self, line: int, place: int) -> TaggedSentence:
        number, offset = place >> FILE_SHIFT, place & ((1 << FILE_SHIFT) - 1)
        path = self.paths[number]
        if number not in self.files:
            self.files[number] = open_lines(path)
        self.files[number].seek(offset)
        sentence, _ = next(self._read(path, self.files[number], line - 1))
        return sentence

    def close(self) -> None:
        for file in self.files.values():
            file.close()
        self.files = {}

    def refuse_repeats(self, index: IdIndex) -> None:
        if index.finish() is None:
            return
        places: Dict[str, str] = {}
        for row in self.rows():
            place = f"{row.path}, line {row.line}"
            before = places.setdefault(str(row.id), place)
            if before is not place:
                raise UserError(
                    f"{place}: sent_id {row.id} occurs before, too ({before}); give "
                    "each sentence of a language an id of its own"
                )


class _Block:
    """The lines of one sentence, as they come in."""

    def __init__(self, file: SentenceFile, path: Path) -> None:
        self.file = file
        self.path = path
        self.is_conllu = path.suffix == ".conllu"
        self.has_tabs = path.suffix in (".conllu", ".tsv")
        self.width: Optional[int] = None
        self.separator: Optional[str] = None
        self.clear()

    def clear(self) -> None:
        self.words: List[str] = []
        self.tags: List[str] = []
        self.id: Optional[str] = None
        self.line = 0

    def add(self, line: str, number: int) -> None:
        self.line = self.line or number
        multiconer = MULTICONER_ID.match(line)
        if multiconer:
            self.id = multiconer.group(1)
            return
        if line.startswith("#") and self._is_comment(line):
            match = SENTENCE_ID.match(line)
            self.id = match.group(1) if match else self.id
            return
        if line.startswith("-DOCSTART-"):  # not always of as many columns
            return
        fields = self._split(line, number)
        if self.is_conllu:
            if not fields[0].isdigit():  # a range of words, or an empty node
                return
            fields = [fields[1], fields[3]]
        word = fields[0]
        if word.startswith(self.file.prefix):
            word = word[len(self.file.prefix) :]
        if not word.strip(" "):
            self._refuse(number, "no word; give it one, or remove the line")
        self.words.append(word)
        if len(fields) > 1:
            self.tags.append(self._known_tag(fields[-1].strip(), number))

    def _is_comment(self, line: str) -> bool:
        is_loose = self.has_tabs and "\t" not in line and LOOSE_COMMENT.match(line)
        return bool(self.is_conllu or COMMENT.match(line) or is_loose)

    def _split(self, line: str, number: int) -> List[str]:
        if self.width is None:
            self.separator = "\t" if "\t" in line or self.has_tabs else None
        # No-break spaces and their like are parts of words.
        fields = (
            line.split(self.separator)
            if self.separator
            else SPACES.split(line.strip(" "))
        )
        if self.width is None:
            self.width = 10 if self.is_conllu else len(fields)
        if len(fields) != self.width:
            self._refuse(
                number,
                f"{len(fields)} columns, but {self.width} are expected; complete the "
                "line, or put an empty line between sentences",
            )
        return fields

    def _known_tag(self, tag: str, number: int) -> str:
        found = find_label(tag, self.file.known)
        if found is None:
            known = ", ".join(dict.fromkeys(self.file.known.values()))
            self._refuse(
                number,
                f"unknown tag {tag!r}; the tags are {known} (another name for one of "
                "them is given with --map-label)",
            )
        self.file.known[tag] = found
        return found

    def take(self) -> TaggedSentence:
        tags = self.tags if self.tags else None
        if tags is not None and self.file.is_iob1:
            tags = to_iob2(tags)
        if self.file.expects_ids not in (None, self.id is not None):
            has, first = ("no", "one") if self.id is None else ("a", "none")
            self._refuse(
                self.line,
                f"this sentence has {has} sent_id, but the file's first has {first}; "
                "give one to all of them, or to none",
            )
        sentence = TaggedSentence(self.words, tags, self.id, self.line, self.path)
        self.clear()
        return sentence

    def _refuse(self, number: int, why: str) -> NoReturn:
        raise UserError(f"{self.path}, line {number}: {why}")
