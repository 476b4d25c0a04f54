"""The way to a chip: bytes out, data and status word back. Readers implement it, sessions use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

from terminals.card.apdu import Command, error_for
from terminals.card.errors import AnswerLength, TransportError
from terminals.card.status import StatusWord

MAX_FOLLOW_UPS: Final = 16
LE_REFUSED: Final = (StatusWord.WRONG_LENGTH, StatusWord.WRONG_P1_P2)


class Transport(Protocol):
    """A connection to one chip. Failures of the line are `TransportError`, never a status word."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU; return the answer's data and its status word."""

    def reset(self) -> bytes:
        """Reset the chip (volatile state is lost, EEPROM stays) and return its ATR."""

    def close(self) -> None:
        """Let the chip go. Further calls raise TransportError."""


class ResponseChain:
    """A transport that speaks to chips of T=0 and T=1 alike.

    It follows 61xx with GET RESPONSE, repeats a command with the Le that 6Cxx names, and leaves Le away from commands
    with data once a chip has refused it (6700) and taken the command without. SELECT, the first command of every
    session, finds that out.
    """

    def __init__(self, inner: Transport) -> None:
        """Wrap any transport; wrapping twice is harmless."""
        self._inner = inner
        self._le_after_data = True

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`, with the whole answer put together."""
        command = Command.parse(apdu)
        data, sw = self._send(command)
        if sw & 0xFF00 == 0x6C00:
            data, sw = self._send(replace(command, le=sw & 0xFF))
        for _ in range(MAX_FOLLOW_UPS):
            if sw & 0xFF00 != 0x6100:
                return data, sw
            more, sw = self._inner.transmit(Command(0x00, 0xC0, le=sw & 0xFF).to_bytes())
            data += more
        raise TransportError("the chip keeps announcing more data")

    def _send(self, command: Command) -> tuple[bytes, int]:
        if not command.data or command.le is None:
            return self._inner.transmit(command.to_bytes())
        bare = replace(command, le=None)
        if not self._le_after_data:
            return self._inner.transmit(bare.to_bytes())
        data, sw = self._inner.transmit(command.to_bytes())
        if sw == StatusWord.WRONG_LENGTH:
            data, sw = self._inner.transmit(bare.to_bytes())
            self._le_after_data = sw == StatusWord.WRONG_LENGTH
        return data, sw

    def reset(self) -> bytes:
        """As `Transport.reset`."""
        return self._inner.reset()

    def close(self) -> None:
        """As `Transport.close`."""
        self._inner.close()


def exchange(transport: Transport, command: Command) -> bytes:
    """Send a command and return its data; anything but 9000 raises the matching `ApduError`.

    With an Le other than 0 the answer has exactly that length, else AnswerLength.
    """
    data, sw = transport.transmit(command.to_bytes())
    if sw != StatusWord.OK:
        raise error_for(command, sw)
    if command.le and len(data) != command.le:
        raise AnswerLength(command.name, len(data), command.le)
    return data


def read(transport: Transport, command: Command) -> bytes:
    """As `exchange` for READ BINARY and READ RECORD, where other issuers' cards differ: at most Le bytes come back.

    A file may end early, with 9000 or 6282; a card may answer the whole file whatever Le says; one that refuses Le
    is asked again for everything.
    """
    data, sw = transport.transmit(command.to_bytes())
    if sw in LE_REFUSED and command.le:
        data, sw = transport.transmit(replace(command, le=0).to_bytes())
    if sw not in (StatusWord.OK, StatusWord.END_OF_FILE):
        raise error_for(command, sw)
    return data[: command.le or None]
