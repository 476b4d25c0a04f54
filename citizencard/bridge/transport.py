"""The server's way to a card on a workstation's reader: a `Transport` like every other."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from django.conf import settings

from terminals.bridge.errors import GarbledMessage
from terminals.bridge.faults import fault
from terminals.bridge.messages import MESSAGE_BYTES_MAX, NAME_MAX, SENTENCE_MAX, Message, Slot, pack
from terminals.card.errors import ReaderUnavailable, TransportError

PATIENCE_S: Final = 30.0
"""Longer than the hub waits for the workstation, so that the hub's answer says what is wrong."""


@dataclass(frozen=True, slots=True)
class WorkstationState:
    """What a workstation's agent has told: its readers, and who uses one of them now. None when it is not connected."""

    readers: tuple[Slot, ...]
    user: str


class BridgeTransport:
    """One reader of a workstation, leased until `close`; nobody else can use the workstation meanwhile.

    `actor` and `purpose` go into the audit trail, so open it before the caller's transaction, if any, audits something
    itself: the hub would wait for that in vain. Raises ReaderUnavailable (hub down, workstation away or revoked),
    ReaderInUse, NoCard, MuteCard and what else the workstation's reader says; a line that breaks later is
    TransportError or CardRemoved: what the card did with the last command is then unknown.
    """

    def __init__(
        self, workstation: UUID, *, actor: str, purpose: str, reader: str = "", wait_seconds: float = 0.0
    ) -> None:
        self._line = _HubLine(PATIENCE_S + wait_seconds)
        try:
            answer = self._line.ask(
                do="lease",
                workstation=str(workstation),
                actor=actor,
                purpose=purpose,
                reader=reader,
                wait_ms=int(wait_seconds * 1000),
            )
        except TransportError:
            self.close()
            raise
        self.reader = answer.text("reader", NAME_MAX)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`."""
        answer = self._line.ask(do="transmit", apdu=apdu.hex())
        return answer.octets("data", 0, 256), answer.integer("sw", 0, 0xFFFF)

    def reset(self) -> bytes:
        """As `Transport.reset`."""
        return self._line.ask(do="reset").octets("atr", 0, 33)

    def close(self) -> None:
        """As `Transport.close`: the card is reset, the workstation is free."""
        with suppress(TransportError):
            self._line.ask(do="close")
        self._line.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def workstation_state(workstation: UUID) -> WorkstationState | None:
    """What a workstation's readers hold now; None when its agent is not connected. ReaderUnavailable without a hub."""
    with _HubLine(PATIENCE_S) as line:
        answer = line.ask(do="state", workstation=str(workstation))
        if "readers" not in answer:
            return None
        return WorkstationState(answer.slots("readers"), answer.text("user"))


def drop_workstation(workstation: UUID) -> None:
    """Have the hub cut the line to a workstation that was revoked. ReaderUnavailable without a hub: then none is open."""
    with _HubLine(PATIENCE_S) as line:
        line.ask(do="drop", workstation=str(workstation))


class _HubLine:
    """A connection to the hub's unix socket: one line of JSON there, one back. Its end frees what it holds."""

    def __init__(self, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(settings.BRIDGE_SOCKET)
        except OSError as error:
            self._socket.close()
            raise ReaderUnavailable("the card bridge is not running") from error
        self._stream = self._socket.makefile("rwb")

    def ask(self, **fields: Any) -> Message:
        """Send a request and wait for its answer; a fault in it is raised here. After a broken line all calls fail."""
        if self._stream.closed:
            raise TransportError("the connection is closed")
        try:
            self._stream.write(pack(**fields).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline(MESSAGE_BYTES_MAX)
            if not line.endswith(b"\n"):
                raise ConnectionError("no whole answer")
            answer = Message.unpack(line)
        except (OSError, GarbledMessage) as error:
            self.close()
            raise TransportError("the line to the card bridge broke") from error
        if "error" in answer:
            raise fault(answer.text("error", 40), answer.text("message", SENTENCE_MAX))
        return answer

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._stream.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
