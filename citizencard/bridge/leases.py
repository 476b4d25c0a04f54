"""The hub's unix socket: a process of the server asks for a workstation's reader and uses it until it hangs up.

One connection is one lease, and one line of JSON is one request; a process that dies lets go by that very fact.
"""

from __future__ import annotations

import logging
import os
import socketserver
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connections

from citizencard.bridge.agents import AgentLine
from citizencard.bridge.models import Workstation
from citizencard.bridge.services import audit_use
from terminals.bridge.errors import GarbledMessage
from terminals.bridge.faults import name_of
from terminals.bridge.messages import (
    APDU_BYTES,
    MESSAGE_BYTES_MAX,
    NAME_MAX,
    UNPAIRED,
    WAIT_MS_MAX,
    Message,
    pack,
)
from terminals.card.errors import ReaderUnavailable, TransportError

logger = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 20.0
"""A chip answers within seconds; a workstation silent for so long is cut off."""
IDLE_SECONDS: Final = 60.0
"""A lease without a request for so long ends: nobody may forget a reader."""
COMPLETED: Final = "completed"


class Lines(Protocol):
    """Where the connected workstations are found."""

    def line(self, workstation: UUID) -> AgentLine | None:
        """The line to a workstation, if its agent is connected."""


class LeaseServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on a unix socket only its owner may use (mode 0600). A socket file that stands there is removed."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, lines: Lines) -> None:
        self.lines = lines
        self._path = path
        path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            super().__init__(str(path), _Client)
        finally:
            os.umask(previous)

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._path.unlink(missing_ok=True)


class _Client(socketserver.StreamRequestHandler):
    server: LeaseServer
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        """Answer one connection; what cannot be done is an answer too."""
        try:
            request = self._next()
            action: Callable[[Message], None] = {
                "lease": self._lease,
                "state": self._state,
                "drop": self._drop,
            }[request.text("do", 20)]
            action(request)
        except TransportError as error:
            self._refuse(error)
        except ConnectionError:
            return
        except (GarbledMessage, KeyError, OSError) as error:
            logger.info("connection ended by %s", type(error).__name__)
        except DatabaseError as error:
            logger.error("no database for a lease: %s", type(error).__name__)
            self._refuse(ReaderUnavailable("the use of the reader cannot be written into the audit trail"))
        finally:
            connections.close_all()

    def _state(self, request: Message) -> None:
        line = self.server.lines.line(_workstation(request))
        if line is None:
            self._answer()
        else:
            self._answer(readers=[slot.to_plain() for slot in line.readers], user=line.user)

    def _drop(self, request: Message) -> None:
        line = self.server.lines.line(_workstation(request))
        if line is not None:
            line.cut(UNPAIRED, "revoked")
        self._answer()

    def _lease(self, request: Message) -> None:
        """Open, pass on, let go. The end is audited after the user is told, who may hold the trail's lock meanwhile."""
        pk, actor, purpose = _workstation(request), request.text("actor"), request.text("purpose")
        line = self.server.lines.line(pk)
        if line is None or not Workstation.objects.filter(pk=pk, revoked_at=None).exists():
            raise ReaderUnavailable("the workstation is not connected")
        use = _Use(line)
        with line.lease(actor):
            audit_use(pk=pk, actor=actor, action="reader.use", detail={"purpose": purpose})
            connections.close_all()
            try:
                closed = self._serve(use, request)
            finally:
                use.end()
        if closed:
            self._answer()
        outcome = {"purpose": purpose, "apdus": use.apdus, "outcome": use.outcome}
        audit_use(pk=pk, actor=actor, action="reader.release", detail=outcome)

    def _serve(self, use: _Use, request: Message) -> bool:
        """Requests until the user closes (True), vanishes or falls silent."""
        try:
            while request.text("do", 20) != "close":
                try:
                    self._answer(**use.carry_out(request))
                except TransportError as error:
                    use.outcome = name_of(error)
                    self._refuse(error)
                request = self._next()
        except (OSError, GarbledMessage):
            if use.outcome == COMPLETED:
                use.outcome = "abandoned"
            return False
        return True

    def _next(self) -> Message:
        line = self.rfile.readline(MESSAGE_BYTES_MAX)
        if not line.endswith(b"\n"):
            raise ConnectionError("the user has gone")
        return Message.unpack(line)

    def _answer(self, **fields: Any) -> None:
        self.wfile.write(pack(**fields).encode() + b"\n")

    def _refuse(self, error: TransportError) -> None:
        with suppress(OSError):
            self._answer(error=name_of(error), message=str(error))


class _Use:
    """One lease while it lasts: requests go to the agent, checked in both directions; only their number is kept."""

    def __init__(self, line: AgentLine) -> None:
        self._line = line
        self.apdus = 0
        self.outcome = COMPLETED

    def carry_out(self, request: Message) -> dict[str, Any]:
        """The answer's fields. Raises TransportError as the reader, the card or the line says; GarbledMessage."""
        match request.text("do", 20):
            case "lease":
                return self._open(request)
            case "transmit":
                return self._transmit(request)
            case "reset":
                return self._ask(lambda answer: {"atr": answer.octets("atr", 0, 33).hex()}, do="reset")
            case _:
                raise GarbledMessage("do is transmit, reset or close")

    def end(self) -> None:
        """Have the agent let the card go."""
        with suppress(TransportError):
            self._ask(lambda answer: {}, do="close")

    def _open(self, request: Message) -> dict[str, Any]:
        wait_ms = request.integer("wait_ms", 0, WAIT_MS_MAX)
        wanted = {name: request.text(name, NAME_MAX) for name in ("reader", "actor", "purpose")}
        return self._line.ask(
            ANSWER_SECONDS + wait_ms / 1000,
            lambda answer: {"reader": answer.text("reader", NAME_MAX)},
            do="open",
            wait_ms=wait_ms,
            **wanted,
        )

    def _transmit(self, request: Message) -> dict[str, Any]:
        apdu = request.octets("apdu", APDU_BYTES[0], APDU_BYTES[-1])
        self.apdus += 1
        return self._ask(
            lambda answer: {
                "data": answer.octets("data", 0, 256).hex(),
                "sw": answer.integer("sw", 0, 0xFFFF),
            },
            do="transmit",
            apdu=apdu.hex(),
        )

    def _ask(self, read: Callable[[Message], dict[str, Any]], **request: Any) -> dict[str, Any]:
        return self._line.ask(ANSWER_SECONDS, read, **request)


def _workstation(request: Message) -> UUID:
    try:
        return UUID(request.text("workstation", 36))
    except ValueError as error:
        raise GarbledMessage("workstation is a UUID") from error
