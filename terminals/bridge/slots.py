"""What is in the readers now, kept by a thread that follows the events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from terminals.bridge.messages import READERS_MAX, Slot
from terminals.bridge.sources import ReaderSource, Watch
from terminals.readers.errors import NoService
from terminals.readers.events import ReaderChange, ReaderEvent

SERVICE_RETRY_SECONDS: Final = 2.0


class SlotWatcher:
    """Follows all readers from `start` to `stop` and calls `changed` with every new state, from its own thread.

    Without a smart card service there are no readers; it is looked for again every two seconds.
    """

    def __init__(
        self,
        source: ReaderSource,
        *,
        changed: Callable[[tuple[Slot, ...]], None],
        say: Callable[[str], None],
    ) -> None:
        self._source, self._changed, self._say = source, changed, say
        self._cards: dict[str, bytes | None] = {}
        self._stopping = threading.Event()
        self._watch: Watch | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The readers and their cards now."""
        with self._lock:
            return tuple(Slot(name, atr) for name, atr in self._cards.items())[:READERS_MAX]

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopping.set()
        with self._lock:
            if self._watch is not None:
                self._watch.cancel()
        self._thread.join()

    def _run(self) -> None:
        told = ""
        while not self._stopping.is_set():
            try:
                with self._source.watch() as watch:
                    told = ""
                    self._follow(watch)
            except NoService as error:
                self._forget_all()
                if str(error) != told:
                    told = str(error)
                    self._say(told)
                self._stopping.wait(SERVICE_RETRY_SECONDS)

    def _follow(self, watch: Watch) -> None:
        with self._lock:
            self._watch = watch
        try:
            if not self._stopping.is_set():
                for event in watch:
                    self._note(event)
        finally:
            with self._lock:
                self._watch = None

    def _note(self, event: ReaderEvent) -> None:
        with self._lock:
            if event.change is ReaderChange.READER_REMOVED:
                self._cards.pop(event.reader, None)
            else:
                self._cards[event.reader] = event.atr if event.change is ReaderChange.CARD_INSERTED else None
        self._say(f"{event.change}: {event.reader}")
        self._changed(self.slots)

    def _forget_all(self) -> None:
        with self._lock:
            self._cards.clear()
        self._changed(())
