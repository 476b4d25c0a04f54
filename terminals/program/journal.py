"""The terminal's journal: append-only segments that survive a power cut at any byte.

A segment is a file of lines, one entry each: CRC-32 in hex, a space, JSON. The first line is a checkpoint, everything worth
knowing of the segments before it, so opening reads the newest segment only. An entry counts once its line is whole, and
`append` returns only when it is on the disk.

* The room of a segment is taken from the disk when the segment is begun. So a full disk shows before a card is touched
  (`begin`), never between the debit and its record. The bytes not written yet are zero.
* At most one line is under way at any time. What a cut leaves of it, in whatever pieces the disk wrote, is wiped on opening.
  Damage that a cut cannot explain is an error, since what stands there was promised.
* A new segment is written beside, made durable, and takes its name last: either it is there whole, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from terminals.program.errors import JournalError

Entry = dict[str, Any]

SEGMENT_BYTES: Final = 4 << 20
"""About eight thousand purchases: small enough to be read back within a second."""
ENTRY_BYTES: Final = 16 << 10
"""Longest line."""
FIRST: Final[Entry] = {"kind": "first"}
"""In the place of a checkpoint, where the journal begins."""
CHECKSUM_BYTES: Final = 9
_NAME: Final = re.compile(r"([0-9]{8})\.journal")


class Position(NamedTuple):
    """A place between two entries: segment number and byte."""

    segment: int
    offset: int


class Journal:
    """An open journal. One program at a time."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Open or create; JournalError when it is damaged or in use, OSError when the disk is full."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync_folder(folder.parent)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._broken = False
        self._file, self._size, self._end = -1, 0, Position(0, 0)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take_lock()
            self._open_newest()
        except BaseException:
            self.close()
            raise

    @property
    def end(self) -> Position:
        """Where the next entry will stand."""
        return self._end

    def has_room(self, behind: int) -> bool:
        """Whether an entry of any length fits, and `behind` more behind it."""
        return self._end.offset + (1 + behind) * ENTRY_BYTES <= self._size

    def append(self, entry: Entry) -> None:
        """Write an entry; durable when this returns. Needs `has_room`. Raises OSError when the device fails.

        After such a failure nobody knows what stands on the disk, so nothing more is written until it is opened again.
        """
        line = encode(entry)
        if len(line) > ENTRY_BYTES:
            raise ValueError(f"an entry has at most {ENTRY_BYTES} bytes")
        if self._broken:
            raise JournalError("the journal's device failed; start the terminal again")
        try:
            _write(self._file, line, self._end.offset)
            os.fdatasync(self._file)
        except OSError:
            self._broken = True
            raise
        self._end = Position(self._end.segment, self._end.offset + len(line))

    def begin_segment(self, checkpoint: Entry) -> None:
        """Go on in a new segment. OSError (disk full) leaves the journal as it was, and usable."""
        number = self._end.segment + 1
        line = encode(checkpoint)
        size = len(line) + self._segment_bytes
        beside = self._folder / "next"
        try:
            file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.posix_fallocate(file, 0, size)
                _write(file, line, 0)
                os.fsync(file)
                os.rename(beside, self._path(number))
            except BaseException:
                os.close(file)
                raise
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size, self._end = file, size, Position(number, len(line))
        self._broken = True
        _sync_folder(self._folder)
        self._broken = False

    def newest(self) -> Iterator[Entry]:
        """The entries of the newest segment, its checkpoint first."""
        return (entry for _, entry in self.read(Position(self._end.segment, 0), self._end))

    def read(self, start: Position, end: Position) -> Iterator[tuple[Position, Entry]]:
        """The entries from `start` to `end`, each with the position behind it. JournalError when one is damaged."""
        for number in range(start.segment, end.segment + 1):
            content = self._path(number).read_bytes()
            offset = start.offset if number == start.segment else 0
            stop = end.offset if number == end.segment else len(content)
            while offset < stop and content[offset]:
                after = content.find(b"\n", offset) + 1
                entry = decode(content[offset:after])
                if entry is None:
                    raise self._damage(number, offset)
                offset = after
                yield Position(number, offset), entry

    def segments(self) -> list[int]:
        """The numbers of the segments on the disk, oldest first."""
        return sorted(int(match[1]) for name in os.listdir(self._folder) if (match := _NAME.fullmatch(name)))

    def size_of(self, number: int) -> int:
        """The bytes of a segment."""
        return self._path(number).stat().st_size

    def remove(self, number: int) -> None:
        """Delete an old segment; whoever calls has made sure that it is not needed."""
        self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let the files go."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{self._folder} is in use by another program") from error

    def _open_newest(self) -> None:
        """The newest segment, behind whose entries writing goes on; the first one of a journal that begins."""
        numbers = self.segments()
        if not numbers:
            self.begin_segment(FIRST)
            return
        # A name that came just before the cut must not be lost to the next one.
        _sync_folder(self._folder)
        path = self._path(numbers[-1])
        content = path.read_bytes()
        good = _intact(content)
        self._file, self._size = os.open(path, os.O_RDWR), len(content)
        self._end = Position(numbers[-1], good)
        self._wipe_torn(content, good)

    def _wipe_torn(self, content: bytes, good: int) -> None:
        torn = content[good:].rstrip(b"\0")
        if not torn:
            return
        if not good or len(torn) > ENTRY_BYTES or any(map(_is_whole, torn.splitlines(keepends=True))):
            raise self._damage(self._end.segment, good)
        _write(self._file, bytes(len(torn)), good)
        os.fdatasync(self._file)

    def _damage(self, number: int, offset: int) -> JournalError:
        path = self._path(number)
        return JournalError(f"{path} is damaged at byte {offset}; keep it and call the workshop")

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.journal"


def encode(entry: Entry) -> bytes:
    """The line of an entry."""
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Entry | None:
    """The entry of a line; None when the line is not what was written."""
    if not _is_whole(line):
        return None
    entry: Entry = json.loads(line[CHECKSUM_BYTES:])
    return entry


def _is_whole(line: bytes) -> bool:
    text = memoryview(line)[CHECKSUM_BYTES:-1]
    return line.endswith(b"\n") and line[:CHECKSUM_BYTES] == b"%08x " % zlib.crc32(text)


def _intact(content: bytes) -> int:
    """Where the whole lines from the beginning on end."""
    good = 0
    while (after := content.find(b"\n", good) + 1) and _is_whole(content[good:after]):
        good = after
    return good


def _write(file: int, content: bytes, offset: int) -> None:
    """All of it, however many calls the system takes."""
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


def _sync_folder(folder: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
