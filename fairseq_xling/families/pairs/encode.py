"""Sentence pairs to streams."""

from collections import Counter
from pathlib import Path
from typing import Any, List, Optional, Sequence, cast

import numpy as np

from fairseq_xling.data.sequences import Ragged
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import Chunk, Encoded, RowEncoder, Rows
from fairseq_xling.families.inputs import PREMISE, Text, parse_pair
from fairseq_xling.families.pairs.raw import Row, Table
from fairseq_xling.families.raw import RawSplit


class PairEncoder(RowEncoder):
    """Encodes pairs and their labels."""

    form = "pair"
    text_names = PREMISE
    in_memory = ("input", "source")

    def parse(self, text: Text, where: str) -> Row:
        first, second = parse_pair(text, self.text_names, where)
        return Row(first, second, None, None, 1, Path(where))

    def streams(self, part: RawSplit) -> List[str]:
        return ["input", *["label"] * part.input.has_labels, *part.counterparts]

    def whole(self, part: Any, aligned: Chunk, remarks: Counter) -> Chunk:
        may_lack = cast(Table, part.input).allow_empty

        def whole(row: Optional[Row]) -> Optional[Row]:
            return row if row and self._is_whole(row, may_lack) else None

        chunk = [(x, [whole(y) for y in others]) for x, others in aligned if whole(x)]
        remarks["left out for lack of a sentence"] += len(aligned) - len(chunk)
        return chunk

    def _is_whole(self, row: Row, may_lack: bool) -> bool:
        is_whole = row.is_whole and not any(map(self.is_blank, row[:2]))
        if not is_whole and not may_lack:
            raise UserError(
                f"{row.path}, line {row.line}: a sentence without visible characters; "
                "fill it in, or leave such rows out with --skip-empty-rows"
            )
        return is_whole

    def encode(self, rows: Rows, names: Sequence[str]) -> Encoded:
        found = {
            name: self.pairs([row and row[:2] for row in group])
            for name, group in rows.items()
        }
        if "label" in names:
            ids = [self.labels.index(row.label) for row in rows["input"]]
            found["label"] = Ragged(np.array(ids), np.ones(len(ids), np.int64))
        return found
