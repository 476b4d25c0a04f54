"""The terminal's journal: an append-only file that survives a power cut at any byte.

One entry a line: CRC-32 in hex, a space, JSON. An entry counts once its line is complete, and `append` returns only when
it is on the disk. A last line that was torn is cut off on opening; damage before the end is an error, since what stands
there was promised.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from terminals.program.errors import JournalError

Entry = dict[str, Any]


class Journal:
    """An open journal. One program at a time; `entries` holds everything written so far."""

    def __init__(self, file: Path) -> None:
        """Open or create; raises JournalError when it is damaged or in use."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._lock(file)
            self.entries = self._recover(file)
            _sync_directory(file.parent)
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, entry: Entry) -> None:
        """Write an entry; durable when this returns. OSError (disk full) leaves the journal as it was."""
        line = encode(entry)
        end = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError("the journal's disk is full")
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise
        self.entries.append(entry)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def _lock(self, file: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{file} is in use by another program") from error

    def _recover(self, file: Path) -> list[Entry]:
        content = file.read_bytes()
        entries, good = [], 0
        for line in _complete_lines(content):
            entry = decode(line)
            if entry is None:
                if good + len(line) < len(content):
                    raise JournalError(f"{file} is damaged at byte {good}; keep it and call the workshop")
                break
            entries.append(entry)
            good += len(line)
        if good < len(content):
            os.ftruncate(self._descriptor, good)
            os.fsync(self._descriptor)
        return entries


def encode(entry: Entry) -> bytes:
    """The line of an entry."""
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Entry | None:
    """The entry of a whole line; None when the line is not what was written."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    entry: Entry = json.loads(text)
    return entry


def _complete_lines(content: bytes) -> Iterator[bytes]:
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield line


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
