"""Ceremonies under way: kept in memory only, and forgotten after a while or a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

CEREMONY_S: Final = 1800.0
"""How long people have from the first step of a ceremony to the last."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Pending(Generic[Key, Value]):
    """A small dictionary whose entries expire `CEREMONY_S` after they were begun."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[Key, tuple[float, Value]] = {}

    def begin(self, key: Key, value: Value) -> Value:
        """Put an entry in; its time runs from now."""
        self._held[key] = (self._clock() + CEREMONY_S, value)
        return value

    def find(self, key: Key) -> Value | None:
        """The entry, unless it has expired."""
        self._forget_expired()
        held = self._held.get(key)
        return None if held is None else held[1]

    def end(self, key: Key) -> None:
        """Take an entry out."""
        self._held.pop(key, None)

    def all(self) -> dict[Key, Value]:
        """Every entry that has not expired."""
        self._forget_expired()
        return {key: value for key, (_, value) in self._held.items()}

    def _forget_expired(self) -> None:
        now = self._clock()
        self._held = {key: held for key, held in self._held.items() if held[0] > now}
