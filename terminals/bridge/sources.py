"""Where the agent's readers are: in PC/SC, or simulated in this very process for demonstrations and tests."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from terminals.card.errors import NoCard
from terminals.card.transport import Transport
from terminals.readers.events import ReaderChange, ReaderEvent, watch_readers
from terminals.readers.memory import MemoryTransport
from terminals.readers.pcsc import PcscTransport
from terminals.readers.service import choose_reader
from terminals.simulator.vpcd import PluggableChip


class Watch(Protocol):
    """Events of all readers, what is there first; `cancel` ends the iteration from any thread."""

    def __iter__(self) -> Iterator[ReaderEvent]:
        """Endless until cancelled. NoService when the service stops."""

    def cancel(self) -> None:
        """End the iteration."""


class ReaderSource(Protocol):
    """Readers to choose from."""

    def open(self, reader: str, wait_seconds: float) -> tuple[str, Transport]:
        """Connect to the chip in a reader (see `choose_reader`); the reader's full name and the connection.

        Raises TransportError of every kind.
        """

    def watch(self) -> AbstractContextManager[Watch]:
        """Watch all readers; NoService when no service runs."""


class PcscSource:
    """The readers of this PC."""

    def open(self, reader: str, wait_seconds: float) -> tuple[str, Transport]:
        """As `ReaderSource.open`."""
        transport = PcscTransport(reader, wait_seconds=wait_seconds)
        return transport.reader, transport

    def watch(self) -> AbstractContextManager[Watch]:
        """As `ReaderSource.watch`."""
        return watch_readers()


class SimulatedSource:
    """Readers without hardware: `insert` lays a simulated chip on one, `remove` pulls it, in mid-command if need be."""

    def __init__(self, chips: Mapping[str, PluggableChip | None]) -> None:
        """Readers by name, each with its chip or empty."""
        self._chips = dict(chips)
        self._open: dict[str, MemoryTransport] = {}
        self._watches: list[_SimulatedWatch] = []
        self._moved = threading.Condition()

    def insert(self, reader: str, chip: PluggableChip) -> None:
        """Lay a chip on a reader, in place of what is there."""
        self.remove(reader)
        with self._moved:
            self._chips[reader] = chip
            self._tell(ReaderEvent(ReaderChange.CARD_INSERTED, reader, chip.ATR))

    def remove(self, reader: str) -> None:
        """Take the chip away."""
        with self._moved:
            if self._chips[reader] is None:
                return
            self._chips[reader] = None
            if reader in self._open:
                self._open.pop(reader).remove()
            self._tell(ReaderEvent(ReaderChange.CARD_REMOVED, reader))

    def open(self, reader: str, wait_seconds: float) -> tuple[str, Transport]:
        """As `ReaderSource.open`."""
        with self._moved:
            name = choose_reader(list(self._chips), reader)
            self._moved.wait_for(lambda: self._chips[name] is not None, wait_seconds)
            chip = self._chips[name]
            if chip is None:
                raise NoCard(f"no card in {name}")
            self._open[name] = MemoryTransport(chip)
            return name, self._open[name]

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """As `ReaderSource.watch`."""
        watch = _SimulatedWatch()
        with self._moved:
            for name, chip in self._chips.items():
                watch.put(ReaderEvent(ReaderChange.READER_ADDED, name))
                if chip is not None:
                    watch.put(ReaderEvent(ReaderChange.CARD_INSERTED, name, chip.ATR))
            self._watches.append(watch)
        yield watch
        with self._moved:
            self._watches.remove(watch)

    def _tell(self, event: ReaderEvent) -> None:
        for watch in self._watches:
            watch.put(event)
        self._moved.notify_all()


class _SimulatedWatch:
    def __init__(self) -> None:
        self._events: queue.SimpleQueue[ReaderEvent | None] = queue.SimpleQueue()

    def put(self, event: ReaderEvent) -> None:
        self._events.put(event)

    def __iter__(self) -> Iterator[ReaderEvent]:
        while (event := self._events.get()) is not None:
            yield event

    def cancel(self) -> None:
        self._events.put(None)
