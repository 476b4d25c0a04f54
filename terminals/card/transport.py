"""The way to a chip: bytes out, data and status word back. Readers implement it, sessions use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

from terminals.card.apdu import Command, error_for
from terminals.card.errors import TransportError
from terminals.card.status import StatusWord

MAX_FOLLOW_UPS: Final = 16


class Transport(Protocol):
    """A connection to one chip. Failures of the line are `TransportError`, never a status word."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU; return the answer's data and its status word."""

    def reset(self) -> bytes:
        """Reset the chip (volatile state is lost, EEPROM stays) and return its ATR."""

    def close(self) -> None:
        """Let the chip go. Further calls raise TransportError."""


class ResponseChain:
    """A transport that follows 61xx with GET RESPONSE and repeats a command with the Le that 6Cxx names (T=0)."""

    def __init__(self, inner: Transport) -> None:
        """Wrap any transport; wrapping twice is harmless."""
        self._inner = inner

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`, with the whole answer put together."""
        data, sw = self._inner.transmit(apdu)
        if sw & 0xFF00 == 0x6C00:
            again = replace(Command.parse(apdu), le=sw & 0xFF)
            data, sw = self._inner.transmit(again.to_bytes())
        for _ in range(MAX_FOLLOW_UPS):
            if sw & 0xFF00 != 0x6100:
                return data, sw
            more, sw = self._inner.transmit(Command(0x00, 0xC0, le=sw & 0xFF).to_bytes())
            data += more
        raise TransportError("the chip keeps announcing more data")

    def reset(self) -> bytes:
        """As `Transport.reset`."""
        return self._inner.reset()

    def close(self) -> None:
        """As `Transport.close`."""
        self._inner.close()


def exchange(transport: Transport, command: Command) -> bytes:
    """Send a command and return its data; anything but 9000 raises the matching `ApduError`."""
    data, sw = transport.transmit(command.to_bytes())
    if sw != StatusWord.OK:
        raise error_for(command, sw)
    if command.le and len(data) != command.le:
        raise TransportError(f"{command.name} answered {len(data)} bytes instead of {command.le}")
    return data
