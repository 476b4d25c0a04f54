"""Readers and cards coming and going, as events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

from terminals.readers.service import check, reader_names, scard, service

STEP_MS: Final = 1000
"""The longest the watch sleeps without looking for new readers, where the service does not tell of them itself."""
NEW_READERS: Final = r"\\?PnP?\Notification"
"""The name under which pcsc-lite and Windows tell of a reader plugged in."""
_COUNTER: Final = 16
"""pcsc-lite counts a slot's insertions and removals in the upper half of its state."""


class ReaderChange(StrEnum):
    """What happened."""

    READER_ADDED = "reader added"
    READER_REMOVED = "reader removed"
    CARD_INSERTED = "card inserted"
    CARD_REMOVED = "card removed"


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """One change at one reader; `atr` is that of the inserted card, empty when the card is mute."""

    change: ReaderChange
    reader: str
    atr: bytes = b""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A reader's state as last told to the service, and the ATR of its card; None without one."""

    state: int
    atr: bytes | None

    @property
    def count(self) -> int:
        return self.state >> _COUNTER


class ReaderWatch:
    """An endless iterator of events; what is there at the beginning comes first. Use it as a context manager.

    Iterating raises NoService when the service does not run or stops. `cancel` ends the iteration, from any thread.
    """

    def __init__(self) -> None:
        """Connect to the service; NoService when there is none."""
        self._scard = scard()
        self._open = ExitStack()
        self._context = self._open.enter_context(service())
        self._slots: dict[str, _Slot] = {}
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the iteration within a moment."""
        self._cancelled.set()
        self._scard.SCardCancel(self._context)

    def __enter__(self) -> Self:
        """Watch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the service go."""
        self._cancelled.set()
        self._open.close()

    def __iter__(self) -> Iterator[ReaderEvent]:
        """Events until `cancel`."""
        while not self._cancelled.is_set():
            yield from self._plugged()
            yield from self._changed()

    def _plugged(self) -> Iterator[ReaderEvent]:
        """Readers that came or went since the last look."""
        names = reader_names(self._context)
        for name in [name for name in self._slots if name not in names]:
            if self._slots.pop(name).atr is not None:
                yield ReaderEvent(ReaderChange.CARD_REMOVED, name)
            yield ReaderEvent(ReaderChange.READER_REMOVED, name)
        for name in names:
            if name not in self._slots:
                self._slots[name] = _Slot(self._scard.SCARD_STATE_UNAWARE, None)
                yield ReaderEvent(ReaderChange.READER_ADDED, name)

    def _changed(self) -> Iterator[ReaderEvent]:
        """Wait for a change at any reader; UNAWARE slots answer at once."""
        codes = self._scard
        asked = [(NEW_READERS, 0), *((name, slot.state) for name, slot in self._slots.items())]
        result, told = codes.SCardGetStatusChange(self._context, STEP_MS, asked)
        if result in (codes.SCARD_E_TIMEOUT, codes.SCARD_E_CANCELLED):
            return
        if result in (codes.SCARD_E_UNKNOWN_READER, codes.SCARD_E_READER_UNAVAILABLE):
            return  # unplugged between the two calls; the next look at the list tells
        check(result, "readers")
        for name, state, atr in told[1:]:
            if state & codes.SCARD_STATE_CHANGED:
                yield from self._moved(name, state & ~codes.SCARD_STATE_CHANGED, atr)

    def _moved(self, name: str, state: int, atr: Any) -> Iterator[ReaderEvent]:
        present = bool(state & self._scard.SCARD_STATE_PRESENT)
        before, after = self._slots[name], _Slot(state, bytes(atr) if present else None)
        self._slots[name] = after
        # Two more movements and a card there both times: it was changed for another between two looks.
        swapped = before.atr is not None and after.atr is not None and after.count > before.count + 1
        if before.atr is not None and (after.atr is None or swapped):
            yield ReaderEvent(ReaderChange.CARD_REMOVED, name)
        if after.atr is not None and (before.atr is None or swapped):
            yield ReaderEvent(ReaderChange.CARD_INSERTED, name, after.atr)


def watch_readers() -> ReaderWatch:
    """Watch all readers, in a `with` block. Raises NoService when no service runs."""
    return ReaderWatch()
