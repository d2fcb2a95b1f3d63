"""What fairseq-train logged: ``--log-format simple`` or ``json``, resumed or not."""

import datetime
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from fairseq_xling.files.json_text import parse_json

# What stands before a message: nothing in a file of --log-file.
PREFIX = re.compile(
    r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[^|]* \| \w+ \| (?P<tag>[^|]*) \| )?"
    r"(?P<body>.*)"
)
INNER = re.compile(r"epoch (\d+): +\d+ / \d+ (.*=.*)")
WHOLE = re.compile(r"epoch (\d+) \| (?:valid on '(.*?)' subset \| )?(.* .*)")
DONE = re.compile(r"done training in ([\d.]+) seconds")
# fairseq-train begins with its options.
BEGINNING = "{'_name'"


class Record(NamedTuple):
    """A logged line.

    Attributes:
        kind: ``"train_inner"``, ``"train"``, or the validated subset.
        epoch: from 1.
        update: number of updates so far.
        values: what was logged, by name.
    """

    kind: str
    epoch: int
    update: int
    values: Dict[str, float]


@dataclass
class Segment:
    """One process of a training that may have been resumed, and its seconds."""

    begin: Optional[datetime.datetime] = None
    end: Optional[datetime.datetime] = None
    wall: float = 0.0
    by_speed: float = 0.0
    last_update: Optional[int] = None

    @property
    def seconds(self) -> float:
        """The most that any sign of it says.

        fairseq logs a ``wall`` of 0 after a resumption; then there are the times of
        the lines and, where these have none, the speeds.
        """
        span = self.end - self.begin if self.begin and self.end else None
        by_time = span.total_seconds() if span else 0.0
        return max(self.wall, by_time) or self.by_speed


@dataclass
class TrainingLog:
    """What a run logged, without what a resumption did again.

    Attributes:
        kept: the records, by kind and update.
        segments: its processes.
        update: how far it has come.
    """

    kept: Dict[Tuple[str, int], Record] = field(default_factory=dict)
    segments: List[Segment] = field(default_factory=lambda: [Segment()])
    update: int = 0

    @property
    def records(self) -> List[Record]:
        """All records, in the order of updates."""
        return sorted(self.kept.values(), key=lambda record: record.update)

    def of(self, kind: str) -> List[Record]:
        """The records of a kind."""
        return [record for record in self.records if record.kind == kind]

    @property
    def subsets(self) -> List[str]:
        """What it was validated on."""
        kinds = dict.fromkeys(record.kind for record in self.records)
        return [kind for kind in kinds if kind not in ("train", "train_inner")]

    @property
    def seconds(self) -> float:
        """Wall time of all processes together; 0 where the log does not tell."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def peak_memory(self) -> Optional[float]:
        """GiB, of several workers the largest; None where the log does not tell."""
        peaks = [one.values.get("peak_memory", 0.0) for one in self.records]
        return max(peaks, default=0.0) or None

    @property
    def samples_a_second(self) -> Optional[float]:
        """Instances trained on a second; None where the log does not tell.

        From the lines at the ends of epochs: ``bsz`` (instances an update) times
        updates, by ``train_wall``, which leaves out validation and writing. Of a run
        that did not get to such a line, or whose seconds round to none: from ``bsz``
        and ``ups`` (updates a second) of the lines in between.
        """
        for kind in ("train", "train_inner"):
            samples = seconds = 0.0
            before = 0
            for record in self.of(kind):
                updates, before = record.update - before, record.update
                took = record.values.get("train_wall", 0.0)
                if kind == "train_inner":
                    speed = record.values.get("ups", 0.0)
                    took = updates / speed if speed > 0 else 0.0
                if kind == "train" or took:
                    samples += updates * record.values.get("bsz", 0.0)
                    seconds += took
            if samples and seconds:
                return samples / seconds
        return None

    def add(self, record: Record) -> None:
        """Add a record; what was logged of the same update and later ones goes."""
        wall = record.values.get("wall", math.inf)
        if record.update < self.update or wall < self.segments[-1].wall:
            self.begin_segment(None)
        if record.update < self.update:
            kept = self.kept.items()
            self.kept = {key: one for key, one in kept if one.update < record.update}
        self.update = record.update
        self.kept[record.kind, record.update] = record
        segment = self.segments[-1]
        segment.wall = max(segment.wall, record.values.get("wall", 0.0))
        if record.kind == "train_inner":
            ups = record.values.get("ups", 0.0)
            if segment.last_update is not None and ups > 0:
                segment.by_speed += (record.update - segment.last_update) / ups
            segment.last_update = record.update

    def begin_segment(self, time: Optional[datetime.datetime]) -> None:
        """Begin another process, unless the last one has not logged anything yet."""
        if self.segments[-1].last_update is not None or self.segments[-1].end:
            self.segments.append(Segment(begin=time))


def read_log(path: Path) -> TrainingLog:
    """Read a log; lines that are none of fairseq's progress are skipped."""
    log = TrainingLog()
    # Carriage returns of progress bars end a line, too.
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = PREFIX.match(line.rstrip("\n"))
            assert parts is not None
            time = parse_time(parts["time"])
            body = parts["body"].strip()
            if body.startswith(BEGINNING):
                log.begin_segment(time)
            segment = log.segments[-1]
            segment.begin = segment.begin or time
            record = parse_record(body)
            done = DONE.fullmatch(body)
            if record is not None:
                log.add(record)
            elif done:
                segment.wall = max(segment.wall, float(done[1]))
            if record is not None or done:
                log.segments[-1].end = time or log.segments[-1].end
    return log


def parse_time(text: Optional[str]) -> Optional[datetime.datetime]:
    """When a line was logged, if it says."""
    try:
        return text and datetime.datetime.fromisoformat(text) or None
    except ValueError:
        return None


def parse_record(body: str) -> Optional[Record]:
    """What a message says; None of one that is no record."""
    if body.startswith("{"):
        return json_record(body)
    inner, whole = INNER.fullmatch(body), WHOLE.fullmatch(body)
    if inner:
        pairs = [part.split("=", 1) for part in inner[2].split(", ")]
        return make_record("train_inner", inner[1], pairs)
    if whole:
        pairs = [part.strip().split(" ", 1) for part in whole[3].split(" | ")]
        return make_record(whole[2] or "train", whole[1], pairs)
    return None


def json_record(body: str) -> Optional[Record]:
    """A record of ``--log-format json``, whose names are ``{kind}_{name}``."""
    try:
        content = parse_json(body)
    except ValueError:
        return None
    epoch = content.get("epoch") if isinstance(content, dict) else None
    if not isinstance(epoch, int):
        return None
    if "update" in content:
        return make_record("train_inner", epoch, content.items())
    for key in content:
        if key.endswith("_num_updates"):
            start = key[: -len("num_updates")]
            pairs = [
                (name[len(start) :], value)
                for name, value in content.items()
                if name.startswith(start)
            ]
            return make_record(start[:-1], epoch, pairs)
    return None


def make_record(kind: str, epoch: Any, pairs: Any) -> Optional[Record]:
    """A record of what is a finite number; None where it does not tell the update."""
    values = {}
    for pair in pairs:
        try:
            name, value = pair
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if math.isfinite(number):
            values[name] = number
    update = values.get("num_updates")
    if update is None or update < 0:
        return None
    return Record(kind, int(epoch), int(update), values)
