"""Where a simulated chip keeps its EEPROM: one file per chip, replaced whole, so that a power cut leaves old or new."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

Content = dict[str, Any]


class Store(Protocol):
    """Non-volatile memory of one chip."""

    def load(self) -> Content:
        """The content last saved."""

    def save(self, content: Content) -> None:
        """Replace the content; durable when this returns. When it raises, the next `load` gives the old or the new."""


class MemoryStore:
    """Memory that lives as long as the object; for tests and throw-away chips."""

    def __init__(self) -> None:
        """Start empty."""
        self._text = "{}"

    def load(self) -> Content:
        """As `Store.load`."""
        content: Content = json.loads(self._text)
        return content

    def save(self, content: Content) -> None:
        """As `Store.save`."""
        self._text = json.dumps(content)


class DirectoryStore:
    """A file `chip.json` in a directory of its own, readable by its owner only: it stands for silicon and holds keys."""

    def __init__(self, directory: Path) -> None:
        """Use (and create) the directory."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._file = directory / "chip.json"

    def load(self) -> Content:
        """As `Store.load`; FileNotFoundError when no chip was ever made here."""
        content: Content = json.loads(self._file.read_text("utf-8"))
        return content

    def save(self, content: Content) -> None:
        """As `Store.save`: write beside, fsync, rename, fsync the directory. Each step waits for the disk."""
        beside = self._file.with_suffix(".new")
        rest = memoryview(json.dumps(content, indent=1).encode())
        with _opened(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        os.replace(beside, self._file)
        with _opened(self._directory, os.O_RDONLY) as descriptor:
            os.fsync(descriptor)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
