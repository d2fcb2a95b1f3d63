"""How far a translation is, in lines of the log."""

import logging
import time

from tqdm import tqdm

logger = logging.getLogger(__name__)

# Seconds between two lines.
INTERVAL = 10.0


class Progress:
    """Tells rows, sentences a second and the time left.

    Args:
        title: of what is translated.
        total: its rows.
    """

    def __init__(self, title: str, total: int) -> None:
        self.title = title
        self.total = total
        self.rows = 0
        self.sentences = 0
        # What a run before this one has translated takes no time.
        self.rows_before = 0
        self.started = self.told = time.monotonic()

    def __call__(self, rows: int, sentences: int) -> None:
        """Count a chunk of rows, and its sentences that were not known."""
        self.rows += rows
        self.sentences += sentences
        now = time.monotonic()
        if not self.sentences:
            self.rows_before, self.started = self.rows, now
        if now - self.told >= INTERVAL:
            self.told = now
            logger.info(f"{self.title}: {self.rows} of {self.total} rows{self._pace()}")

    def _pace(self) -> str:
        seconds = time.monotonic() - self.started
        rows = self.rows - self.rows_before
        if not self.sentences or not rows or not seconds:
            return ""
        left = tqdm.format_interval(seconds / rows * (self.total - self.rows))
        return f", {self.sentences / seconds:.0f} sentences a second, {left} left"

    def close(self) -> None:
        """Tell that all is done."""
        seconds = time.monotonic() - self.started
        pace = f" ({self.sentences / seconds:.0f} a second)" if self.sentences else ""
        logger.info(
            f"{self.title}: {self.rows} rows, {self.sentences} sentences translated"
            f"{pace}"
        )
