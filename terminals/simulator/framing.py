"""The line between a virtual reader and a chip, as vpcd (vsmartcard) speaks it and as we offer it to anybody on TCP.

A message is a 2-byte big-endian length and a body. To the chip: one byte 00 power off, 01 power on, 02 reset (none of
them answered), 04 the ATR is wanted; anything longer is an APDU. From the chip: the ATR, or data and status word.
"""

from __future__ import annotations

import socket
from typing import Final, Protocol

POWER_OFF: Final = b"\x00"
POWER_ON: Final = b"\x01"
RESET: Final = b"\x02"
ATR: Final = b"\x04"
LENGTH_BYTES: Final = 2


class PluggableChip(Protocol):
    """A simulated card or SAM."""

    @property
    def ATR(self) -> bytes:  # noqa: N802 -- the term of ISO/IEC 7816-3
        """Answer to reset."""

    def transmit(self, apdu: bytes) -> bytes:
        """Execute an APDU; data and status word."""

    def reset(self) -> bytes:
        """Lose volatile state; ATR."""


def answer(chip: PluggableChip, message: bytes) -> bytes:
    """What a chip says to a message; nothing to a change of power."""
    if message in (POWER_OFF, POWER_ON, RESET):
        chip.reset()
        return b""
    # pcscd asks for the ATR every 0.4 s to see whether a chip is there: that must not disturb a transaction.
    return chip.ATR if message == ATR else chip.transmit(message)


def prepare(connection: socket.socket) -> None:
    """Let short messages go at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def send(connection: socket.socket, body: bytes) -> None:
    """One message; nothing for an empty one."""
    if body:
        connection.sendall(len(body).to_bytes(LENGTH_BYTES) + body)


def receive(connection: socket.socket) -> bytes:
    """One message, or nothing when the other side has gone."""
    length = int.from_bytes(_exactly(connection, LENGTH_BYTES))
    return _exactly(connection, length) if length else b""


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # Without it the kernel delays the ACK of two-part messages by 40 ms; the option lapses by itself.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data
