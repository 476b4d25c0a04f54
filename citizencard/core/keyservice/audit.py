"""The audit log: what was asked of the keys, by whom, with what outcome; one JSON line per call, chained by hashes.

A line says time, role, uid, pid, operation, keys, count and outcome: no key material, no personal data. Its `hash` is
SHA-256 over the hash of the line before and the line itself without its hash, so that a line changed, taken out or
put in breaks the chain at that place. Who may write the file can write a new chain: note the head at every ceremony.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

CITY: Final = ZoneInfo("Asia/Shanghai")
ROTATE_BYTES: Final = 64 * 1024 * 1024
LINE_MAX: Final = 4096
_NAME: Final = "audit.jsonl"
_ORIGIN: Final = "0" * 64
"""Stands for the hash before the first line."""
_HASH: Final = b',"hash":"'


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many lines it has and the last one's hash."""

    lines: int
    hash: str


class AuditBroken(Exception):
    """The chain does not hold; the message names file, line and rule."""


class AuditLog:
    """Appends to the chain of one state directory, together with other processes that do the same."""

    def __init__(self, folder: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._path = folder / _NAME
        self._rotate_bytes = rotate_bytes
        self._guard = threading.Lock()
        self._file = self._open()
        self._size = -1
        self._head = Head(0, _ORIGIN)

    def append(self, **facts: Any) -> None:
        """Write one line; `number` and time are put in front. OSError when it cannot be written."""
        with self._guard:
            self._lock()
            try:
                self._catch_up()
                if self._size >= self._rotate_bytes:
                    self._rotate()
                self._write(facts)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _lock(self) -> None:
        """Hold the current file alone; the one we had may have been put aside."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        while not self._is_current():
            os.close(self._file)
            self._file, self._size = self._open(), -1
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _catch_up(self) -> None:
        size = os.fstat(self._file).st_size
        if size != self._size:
            self._size = size
            self._head = self._last_line()

    def _last_line(self) -> Head:
        """The head of the chain on disk; what a crash left of a last line is cut off and told in a line of its own."""
        start = max(0, self._size - 2 * LINE_MAX)
        tail = os.pread(self._file, self._size - start, start)
        whole = tail.rfind(b"\n") + 1
        torn = len(tail) - whole
        if torn:
            self._size -= torn
            os.ftruncate(self._file, self._size)
        lines = tail[:whole].splitlines()
        head = _head_of(lines[-1]) if lines else self._head_of_rotated()
        if torn:
            self._head = head
            self._write({"operation": "AUDIT_REPAIRED", "count": torn})
            return self._head
        return head

    def _head_of_rotated(self) -> Head:
        older = _rotated(self._path.parent)
        return _head_of(older[-1].read_bytes().splitlines()[-1]) if older else Head(0, _ORIGIN)

    def _rotate(self) -> None:
        """Put the full file aside, named by its last line's number, and go on in a new one.

        Another process may be the first to write there, so that the head is read anew.
        """
        os.rename(self._path, self._path.with_name(f"audit-{self._head.lines:012d}.jsonl"))
        self._lock()
        self._catch_up()

    def _write(self, facts: dict[str, Any]) -> None:
        number = self._head.lines + 1
        at = datetime.now(CITY).isoformat(timespec="milliseconds")
        body = json.dumps({"number": number, "at": at, **facts}, separators=(",", ":"))[:-1].encode()
        digest = _chained(self._head.hash, body)
        line = body + _HASH + digest.encode() + b'"}\n'
        if len(line) > LINE_MAX:
            raise ValueError("an audit line is too long")
        if os.write(self._file, line) != len(line):
            raise OSError("an audit line was not written whole")
        self._size += len(line)
        self._head = Head(number, digest)


def verify(folder: Path) -> Head:
    """Follow the whole chain of a state directory; `AuditBroken` at the first line that does not hold."""
    head = Head(0, _ORIGIN)
    if not (folder / _NAME).exists():
        raise AuditBroken(f"{folder} holds no audit log")
    for path in [*_rotated(folder), folder / _NAME]:
        for line_no, line in _lines(path):
            head = _follow(head, line, f"{path.name}, line {line_no}")
    return head


def _follow(head: Head, line: bytes, place: str) -> Head:
    body, mark, rest = line.rpartition(_HASH)
    if not mark or not line.endswith(b'"}\n'):
        raise AuditBroken(f"{place}: the line is torn")
    if rest != _chained(head.hash, body).encode() + b'"}\n':
        raise AuditBroken(f"{place}: the line was changed, or one before it was taken out or put in")
    return Head(head.lines + 1, rest[:64].decode())


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from enumerate(file, start=1)


def _rotated(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def _head_of(line: bytes) -> Head:
    try:
        content = json.loads(line)
        return Head(content["number"], content["hash"])
    except (ValueError, KeyError):
        raise AuditBroken("the last line is not one of an audit log") from None


def _chained(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()
