"""Text files of the demo."""

from pathlib import Path


def save(path: Path, text: str) -> None:
    """Write a text, and the folders above it where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
