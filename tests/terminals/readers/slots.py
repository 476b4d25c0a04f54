"""The same two slots, card and SAM, in process and over PC/SC, so that one scenario runs over both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport
from terminals.readers.pcsc import PcscTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.vpcd import VpcdSlot

WAIT_SECONDS = 10.0


class Slots(Protocol):
    """A place for a card and one for a SAM."""

    def card(self, chip: Chip) -> Transport:
        """Lay a card on the reader and connect."""

    def sam(self, psam: Psam) -> Transport:
        """Put a SAM in and connect."""

    def pull_card(self) -> None:
        """Take the card away, whatever it is doing."""


class MemorySlots:
    """In process."""

    def card(self, chip: Chip) -> MemoryTransport:
        self._card = MemoryTransport(chip)
        return self._card

    def sam(self, psam: Psam) -> MemoryTransport:
        return MemoryTransport(psam)

    def pull_card(self) -> None:
        self._card.remove()


class PcscSlots:
    """Through pyscard, pcscd and vpcd."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._places = [stack.enter_context(VpcdSlot(slot)) for slot in (0, 1)]
        self._card: PcscTransport | None = None

    def card(self, chip: Chip) -> PcscTransport:
        if self._card is not None:
            self._card.close()
        self._places[0].insert(chip)
        self._card = self._connect(0)
        return self._card

    def sam(self, psam: Psam) -> PcscTransport:
        self._places[1].insert(psam)
        return self._connect(1)

    def pull_card(self) -> None:
        self._places[0].remove()

    def _connect(self, slot: int) -> PcscTransport:
        transport = PcscTransport(f"Virtual PCD 00 {slot:02d}", wait_seconds=WAIT_SECONDS)
        self._stack.callback(transport.close)
        return transport


@contextmanager
def pcsc_slots() -> Iterator[PcscSlots]:
    """Both slots, empty again afterwards."""
    with ExitStack() as stack:
        yield PcscSlots(stack)
