"""Cards in a PC/SC reader, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from terminals.card.transport import Transport
from terminals.readers.events import ReaderChange, ReaderWatch, watch_readers
from terminals.readers.pcsc import PcscTransport

SETTLE_S: Final = 1.0
"""A card answers a moment after it was seen."""


@dataclass
class PcscCards:
    """`reader` is part of its name. What lies there at the beginning is the first card."""

    reader: str
    _watch: ReaderWatch | None = field(default=None)
    _cancelled: bool = False

    def __iter__(self) -> Iterator[Callable[[], Transport]]:
        """As `loop.Cards`. NoService when the smart card service does not run, or ends."""
        with watch_readers() as watch:
            self._watch = watch
            for event in watch:
                if event.change is ReaderChange.CARD_INSERTED and self.reader in event.reader:
                    yield partial(PcscTransport, event.reader, wait_seconds=SETTLE_S)
                if self._cancelled:
                    return

    def cancel(self) -> None:
        """As `loop.Cards`."""
        self._cancelled = True
        if self._watch is not None:
            self._watch.cancel()
