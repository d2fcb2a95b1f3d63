"""Raw folders of tagged sentences: how their files are opened."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.families.files import RawFiles
from fairseq_xling.families.tagging.encode import WordEncoder
from fairseq_xling.families.tagging.raw import SentenceFile
from fairseq_xling.families.tagging.translating import TagTranslator
from fairseq_xling.families.translating import Verbatim


class TagFiles(RawFiles):
    """Opens files of tagged sentences.

    Args:
        chunked: whether tags mark chunks, in IOB.
        labels: a comma list of tags in place of ``tags``.
        map_label: other names of tags, each as ``FROM=TO``.

    Raises:
        UserError: a tag is given twice, or a name is not of the form, or leads to none.
    """

    encoder = WordEncoder
    translator = TagTranslator

    options = {
        "--labels": {"help": "comma list of the tags (default: {labels})"},
        "--map-label": {
            "action": "append",
            "default": [],
            "metavar": "FROM=TO",
            "help": "read a tag, or a type of chunks, as another, such as DATE=O; "
            "repeatable",
        },
    }

    def __init__(
        self,
        tags: Sequence[str],
        chunked: bool,
        labels: Optional[str] = None,
        map_label: Sequence[str] = (),
    ) -> None:
        if labels is not None:
            tags = labels.split(",")
            if "" in tags or len(set(tags)) < len(tags):
                raise UserError(f"--labels {labels}: give each tag once, none empty")
        self.labels = tags
        self.known = known_tags(tags, map_label)
        self.chunked = chunked

    @classmethod
    def to_translate(cls, **settings: Any) -> "TagFiles":
        files = cls((), **settings)
        files.known = Verbatim()
        return files

    def open(self, paths: List[Path], lang: Optional[str]) -> SentenceFile:
        return SentenceFile(paths, self.known, self.chunked)


def known_tags(tags: Sequence[str], mappings: Sequence[str]) -> Dict[str, str]:
    """The tags by the names that raw data may have for them."""
    known = {tag: tag for tag in tags}
    seen = set()
    for mapping in mappings:
        old, equals, new = mapping.partition("=")
        if not (old and equals and new):
            raise UserError(
                f"--map-label {mapping}: give it as FROM=TO, such as DATE=O"
            )
        if old in seen:
            raise UserError(f"--map-label {mapping}: {old} is given twice; choose one")
        seen.add(old)
        if new in tags:
            pairs = {old: new, f"B-{old}": new, f"I-{old}": new}
        else:
            pairs = {f"{mark}-{old}": f"{mark}-{new}" for mark in "BI"}
        if not set(pairs.values()) <= set(tags):
            raise UserError(
                f"--map-label {mapping}: {new} is not among the tags "
                f"({', '.join(tags)}); give one of them, or more tags with --labels"
            )
        known.update(pairs)
    return known
