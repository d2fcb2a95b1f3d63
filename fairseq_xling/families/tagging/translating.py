"""Tagged sentences, translated as running text."""

from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from seqeval.metrics.sequence_labeling import get_entities

from fairseq_xling.errors import UserError
from fairseq_xling.families.marks import Marks, Unmarked, choose_marks, mark, unmark
from fairseq_xling.families.scripts import Span, join_words
from fairseq_xling.families.similarity import edit_distance
from fairseq_xling.families.tagging.raw import WITHHELD, TaggedSentence, split_words
from fairseq_xling.families.translating import DROPPED, RowTranslator

WITH_ENTITIES, ENTITIES = "rows with entities", "entities carried over"
# A marked part has the type of an entity whose own translation is as near as that.
NEAR = 0.5


class Entity(NamedTuple):
    """A named entity: its type, and its characters in the sentence."""

    type: str
    span: Span


class TagTranslator(RowTranslator):
    """Translates sentences; the translations have no tags, but by marks.

    Args:
        mark_entities: see ``options``.
    """

    options = {
        "--mark-entities": {
            "action": "store_true",
            "help": "carry named entities over by marks around them, so that "
            "translate-train has tags; sentences that lose marks are left out",
        }
    }

    def __init__(self, is_trained: bool, mark_entities: bool = False) -> None:
        super().__init__(is_trained)
        self.marks_entities = is_trained and mark_entities
        self.ending = "txt"
        if self.marks_entities:
            self.ending = "tsv"
            self.counted = (*self.counted, WITH_ENTITIES, ENTITIES, DROPPED)

    def texts(self, row: TaggedSentence) -> List[str]:
        """The sentence; where entities are marked, with marks, and each by itself."""
        marked = self._mark(row)
        if not marked.entities or marked.marks is None:
            return [marked.text]
        parts = [entity.span for entity in marked.entities]
        texts = [mark(marked.text, parts, marked.marks)]
        if len(marked.types) > 1:
            texts += [marked.text[begin:end] for begin, end in parts]
        return texts

    def _mark(self, row: TaggedSentence) -> "Marked":
        if not row.is_whole:
            return Marked("", [], None)
        if row.text is not None:
            return Marked(row.text, [], None)
        text, spans = join_words(row.words)
        if not self.marks_entities or row.tags is None:
            return Marked(text, [], None)
        wrong = [tag for tag in row.tags if tag != "O" and tag[:2] not in ("B-", "I-")]
        if wrong:
            raise UserError(
                f"{row.path}, line {row.line}: the tag {wrong[0]} is of no named "
                "entity; leave --mark-entities out"
            )
        entities = [
            Entity(kind, (spans[first][0], spans[last][1]))
            for kind, first, last in get_entities(row.tags)
        ]
        return Marked(text, entities, choose_marks(text))

    def rebuild(
        self, row: TaggedSentence, found: List[str], counts: Counter
    ) -> TaggedSentence:
        """The translation's words; of one that has lost marks, a word to leave out."""
        marked = self._mark(row)
        entities = marked.entities
        if not entities:
            self.count([marked.text], found, counts)
            words = split_words(found[0])
            tags = ["O"] * len(words) if self.marks_entities else None
            return self._written(row, words, tags, found[0], counts)
        counts[WITH_ENTITIES] += 1
        parts = marked.marks and unmark(found[0], marked.marks, len(entities))
        self.count([marked.text], [parts.text if parts else found[0]], counts)
        types = parts and find_types(parts, entities, found[1:])
        if not parts or not types:
            return self._written(row, [], [], "", counts)
        counts[ENTITIES] += len(entities)
        return self._written(row, *tag_words(parts, types), parts.text, counts)

    def _written(
        self,
        row: TaggedSentence,
        words: List[str],
        tags: Optional[List[str]],
        text: str,
        counts: Counter,
    ) -> TaggedSentence:
        if self.marks_entities and not words:
            counts[DROPPED] += 1
            # Readers leave it out, and sentences stay paired by their numbers.
            words, tags, text = [WITHHELD], ["O"], ""
        return row._replace(words=words, tags=tags, text=text, id=None)

    def lines(self, rows: Iterable[TaggedSentence]) -> Iterator[str]:
        """Running text, a sentence a line; or a word and its tag a line."""
        for row in rows:
            if row.tags is None:
                yield f"{row.text}\n"
            else:
                pairs = zip(row.words, row.tags)
                yield "".join(f"{word}\t{one}\n" for word, one in pairs) + "\n"


class Marked(NamedTuple):
    """A sentence with what is to be marked, and by which marks, if any are free."""

    text: str
    entities: List[Entity]
    marks: Optional[Marks]

    @property
    def types(self) -> Set[str]:
        """The types of its entities."""
        return {entity.type for entity in self.entities}


def find_types(
    parts: Unmarked, entities: List[Entity], own: List[str]
) -> Optional[List[str]]:
    """Which type each marked part of a translation has.

    Translations bring words into another order. Where a sentence has entities of
    several types, a part has the type of those whose own translation it is nearest to.

    Args:
        own: translations of the entities, each by itself.

    Returns:
        None where this does not tell.
    """
    types = [entity.type for entity in entities]
    if len(set(types)) == 1:
        return types
    found = []
    for begin, end in parts.spans:
        part = parts.text[begin:end].casefold()
        nearest: Dict[str, float] = {}
        for kind, text in zip(types, own):
            share = edit_distance(part, text.casefold()) / max(len(part), len(text), 1)
            nearest[kind] = min(share, nearest.get(kind, 1.0))
        best, second = sorted(nearest, key=nearest.__getitem__)[:2]
        if nearest[best] > NEAR or nearest[best] == nearest[second]:
            return None
        found.append(best)
    return found if sorted(found) == sorted(types) else None


def tag_words(parts: Unmarked, types: List[str]) -> Tuple[List[str], List[str]]:
    """Words of a translation, and tags of those that are marked."""
    words: List[str] = []
    tags: List[str] = []
    end = 0
    for (begin, after), kind in zip(parts.spans, types):
        outside = split_words(parts.text[end:begin])
        inside = split_words(parts.text[begin:after])
        words += [*outside, *inside]
        tags += ["O"] * len(outside)
        tags += [f"{mark}-{kind}" for mark in "B" + "I" * (len(inside) - 1)]
        end = after
    rest = split_words(parts.text[end:])
    return [*words, *rest], [*tags, *["O"] * len(rest)]
