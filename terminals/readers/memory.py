"""A simulated chip in this very process, as a transport."""

from __future__ import annotations

from typing import Protocol

from terminals.card.errors import NoCard, TransportError


class SimulatedChip(Protocol):
    """What a simulated card or SAM offers."""

    def transmit(self, apdu: bytes) -> bytes:
        """Execute an APDU; data and status word."""

    def reset(self) -> bytes:
        """Lose volatile state; ATR."""


class MemoryTransport:
    """A reader slot without a reader. `remove` pulls the chip, `insert` puts one in (powered up afresh)."""

    def __init__(self, chip: SimulatedChip | None = None) -> None:
        """Start with a chip in the slot, or empty."""
        self._chip: SimulatedChip | None = None
        self._closed = False
        if chip is not None:
            self.insert(chip)

    def insert(self, chip: SimulatedChip) -> None:
        """Put a chip in; it powers up."""
        chip.reset()
        self._chip = chip

    def remove(self) -> None:
        """Pull the chip."""
        self._chip = None

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`."""
        answer = self._present().transmit(apdu)
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
        if self._chip is None:
            raise NoCard("the slot is empty")
        return self._chip
