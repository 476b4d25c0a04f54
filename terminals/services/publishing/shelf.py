"""Bytes kept in a process's memory, the least used ones given up first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Shelf(Generic[Key]):
    """At most `room` bytes. For threads; what is too big for it is not kept."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> bytes | None:
        """What is kept under the key."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Key, content: bytes) -> bytes:
        """Keep it, and give it back."""
        with self._lock:
            self._bytes += len(content) - len(self._held.pop(key, b""))
            self._held[key] = content
            while self._bytes > self._room:
                _, gone = self._held.popitem(last=False)
                self._bytes -= len(gone)
        return content

    def clear(self) -> None:
        """Give up everything."""
        with self._lock:
            self._held.clear()
            self._bytes = 0
