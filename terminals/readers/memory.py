"""A simulated chip in this very process, as a transport."""

from __future__ import annotations

from typing import Protocol

from terminals.card.errors import CardRemoved, NoCard, TransportError


class SimulatedChip(Protocol):
    """What a simulated card or SAM offers."""

    def transmit(self, apdu: bytes) -> bytes:
        """Execute an APDU; data and status word."""

    def reset(self) -> bytes:
        """Lose volatile state; ATR."""


class MemoryTransport:
    """A reader slot without a reader. `remove` pulls the chip, `insert` puts one in (powered up afresh).

    As with a real reader, a chip pulled while it works has done so or not, but its answer is lost: CardRemoved.
    """

    def __init__(self, chip: SimulatedChip | None = None) -> None:
        """Start with a chip in the slot, or empty."""
        self._chip: SimulatedChip | None = None
        self._closed = False
        self._pulled = False
        if chip is not None:
            self.insert(chip)

    def insert(self, chip: SimulatedChip) -> None:
        """Put a chip in; it powers up."""
        chip.reset()
        self._chip, self._pulled = chip, False

    def remove(self) -> None:
        """Pull the chip, from any thread."""
        self._pulled = self._pulled or self._chip is not None
        self._chip = None

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`."""
        chip = self._present()
        answer = chip.transmit(apdu)
        if self._chip is not chip:
            raise CardRemoved("the card was pulled before it answered")
        return answer[:-2], int.from_bytes(answer[-2:])

    def reset(self) -> bytes:
        """As `Transport.reset`."""
        return self._present().reset()

    def close(self) -> None:
        """As `Transport.close`."""
        self._closed = True
        self._chip = None

    def _present(self) -> SimulatedChip:
        if self._closed:
            raise TransportError("the connection is closed")
        if self._pulled:
            raise CardRemoved("the card was pulled")
        if self._chip is None:
            raise NoCard("the slot is empty")
        return self._chip
