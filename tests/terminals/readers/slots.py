"""The same two slots, card and SAM, in process, over TCP and over PC/SC, so that one scenario runs over all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from terminals.card.errors import CardRemoved, TransportError
from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport
from terminals.readers.pcsc import PcscTransport
from terminals.simulator import framing
from terminals.simulator.framing import PluggableChip
from terminals.simulator.tcp import TcpSlot
from terminals.simulator.vpcd import VpcdSlot

WAIT_SECONDS = 30.0


class Slots(Protocol):
    """A place for a card and one for a SAM."""

    def card(self, chip: PluggableChip) -> Transport:
        """Lay a card on the reader and connect."""

    def sam(self, psam: PluggableChip) -> Transport:
        """Put a SAM in and connect."""

    def pull_card(self) -> None:
        """Take the card away, whatever it is doing."""


class MemorySlots:
    """In process."""

    def card(self, chip: PluggableChip) -> MemoryTransport:
        self._card = MemoryTransport(chip)
        return self._card

    def sam(self, psam: PluggableChip) -> MemoryTransport:
        return MemoryTransport(psam)

    def pull_card(self) -> None:
        self._card.remove()


class TcpTransport:
    """What any program does with a chip on TCP: connect, send, receive."""

    def __init__(self, port: int) -> None:
        self._socket: socket.socket | None = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        framing.prepare(self._socket)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self._ask(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])

    def reset(self) -> bytes:
        framing.send(self._connected(), framing.RESET)
        return self._ask(framing.ATR)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, message: bytes) -> bytes:
        line = self._connected()
        try:
            framing.send(line, message)
            answer = framing.receive(line)
        except OSError as error:
            raise CardRemoved(str(error)) from error
        if not answer:
            raise CardRemoved("the card was pulled before it answered")
        return answer

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise TransportError("the connection is closed")
        return self._socket


class TcpSlots:
    """Each chip on a port of its own."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._card: TcpSlot | None = None

    def card(self, chip: PluggableChip) -> TcpTransport:
        self.pull_card()
        self._card = self._stack.enter_context(TcpSlot(chip))
        return self._connect(self._card)

    def sam(self, psam: PluggableChip) -> TcpTransport:
        return self._connect(self._stack.enter_context(TcpSlot(psam)))

    def pull_card(self) -> None:
        if self._card is not None:
            self._card.close()

    def _connect(self, slot: TcpSlot) -> TcpTransport:
        transport = TcpTransport(slot.port)
        self._stack.callback(transport.close)
        return transport


class PcscSlots:
    """Through pyscard, pcscd and vpcd."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._places = [stack.enter_context(VpcdSlot(slot)) for slot in (0, 1)]
        self._card: PcscTransport | None = None

    def card(self, chip: PluggableChip) -> PcscTransport:
        if self._card is not None:
            self._card.close()
        self._places[0].insert(chip)
        self._card = self._connect(0)
        return self._card

    def sam(self, psam: PluggableChip) -> PcscTransport:
        self._places[1].insert(psam)
        return self._connect(1)

    def pull_card(self) -> None:
        self._places[0].remove()

    def _connect(self, slot: int) -> PcscTransport:
        transport = PcscTransport(f"Virtual PCD 00 {slot:02d}", wait_seconds=WAIT_SECONDS)
        self._stack.callback(transport.close)
        return transport


@contextmanager
def tcp_slots() -> Iterator[TcpSlots]:
    """Both slots; all ports closed afterwards."""
    with ExitStack() as stack:
        yield TcpSlots(stack)


@contextmanager
def pcsc_slots() -> Iterator[PcscSlots]:
    """Both slots, empty again afterwards."""
    with ExitStack() as stack:
        yield PcscSlots(stack)
