"""The hub: agents connect to it over WebSockets, the server's other processes ask it over a unix socket.

It is one process (`manage.py bridge`). It opens no card by itself: it checks who is who, keeps each workstation for one
user at a time, writes the audit trail, and passes APDUs on without looking at them or keeping them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connections
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Origin

from citizencard.bridge.agents import AgentLine, meet
from citizencard.bridge.leases import LeaseServer
from citizencard.bridge.services import note_seen
from citizencard.core.errors import CitizenCardError
from terminals.bridge.errors import GarbledMessage, NotPaired
from terminals.bridge.messages import MESSAGE_BYTES_MAX, REPLACED, UNPAIRED

logger = logging.getLogger(__name__)

PATH: Final = "/bridge"
PING_SECONDS: Final = 5
STRANGERS_MAX: Final = 32
"""Connections that have not yet proved who they are; more are told to come back later."""


class Hub:
    """Listens on `host`:`port` for agents and on the unix socket `socket_path` for this machine's own processes.

    Only agents that send `origin` are let in: a browser sends the origin of its page and cannot change it.
    OSError when an address is taken.
    """

    def __init__(self, *, host: str, port: int, origin: str, socket_path: Path) -> None:
        self._origin = origin
        self._lines: dict[UUID, AgentLine] = {}
        self._lock = threading.Lock()
        self._strangers = threading.BoundedSemaphore(STRANGERS_MAX)
        # The port first: whoever has it is the only hub, so that a socket file found then is nobody's.
        self._agents = serve(
            self._welcome,
            host,
            port,
            origins=[Origin(origin)],
            process_request=_check_path,
            compression=None,
            max_size=MESSAGE_BYTES_MAX,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=2,
            server_header=None,
            logger=_quiet_logger(),
        )
        self.port: int = self._agents.socket.getsockname()[1]
        self._leases = LeaseServer(socket_path, self)

    def serve_forever(self) -> None:
        """Serve until `close`, from another thread."""
        threading.Thread(target=self._leases.serve_forever, args=(0.1,), name="leases", daemon=True).start()
        self._agents.serve_forever()

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self._agents.shutdown()
        with self._lock:
            lines = list(self._lines.values())
        for line in lines:
            line.cut(1001, "the hub stops")
        self._leases.close()

    def line(self, workstation: UUID) -> AgentLine | None:
        """The line to a workstation, if its agent is connected."""
        with self._lock:
            return self._lines.get(workstation)

    def _welcome(self, connection: ServerConnection) -> None:
        """One agent, from its first message to its last."""
        try:
            with self._stranger(), _database():
                workstation = meet(connection, self._origin)
                note_seen(pk=workstation)
            line = AgentLine(connection)
            with self._present(workstation, line):
                line.attend()
        except ConnectionClosed:
            return
        except NotPaired:
            connection.close(UNPAIRED, "not a known workstation")
        except (GarbledMessage, TimeoutError) as error:
            logger.info("line cut: %s", error)
            connection.close(1008, "protocol broken")
        except (CitizenCardError, DatabaseError, _Crowded) as error:
            logger.warning("an agent cannot be served: %s", type(error).__name__)
            connection.close(1013, "try again later")

    @contextmanager
    def _stranger(self) -> Iterator[None]:
        if not self._strangers.acquire(blocking=False):
            raise _Crowded
        try:
            yield
        finally:
            self._strangers.release()

    @contextmanager
    def _present(self, workstation: UUID, line: AgentLine) -> Iterator[None]:
        """The workstation can be found while its line holds; a new line takes the place of an old one."""
        with self._lock:
            before = self._lines.get(workstation)
            self._lines[workstation] = line
        if before is not None:
            before.cut(REPLACED, "connected anew")
        try:
            yield
        finally:
            with self._lock:
                if self._lines.get(workstation) is line:
                    del self._lines[workstation]


class _Crowded(Exception):
    """Too many unknown connections at once."""


@contextmanager
def _database() -> Iterator[None]:
    """Give the thread's database connection back at the end: lines last for days."""
    try:
        yield
    finally:
        connections.close_all()


def _check_path(connection: ServerConnection, request: Request) -> Response | None:
    return None if request.path == PATH else connection.respond(404, "Not here.\n")


def _quiet_logger() -> logging.Logger:
    """The library would log a page of traceback for every port scanner that says something else than HTTP."""
    quiet = logging.getLogger(f"{__name__}.websockets")
    quiet.setLevel(logging.CRITICAL)
    return quiet
