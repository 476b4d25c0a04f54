"""A database server of one's own that may be killed, beside a key service and, where wanted, a web server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from citizencard.embedded.postgres import EmbeddedPostgres
from citizencard.embedded.process import ProcessService

TEMPLATE = "citizencard"
"""The migrated database that every part copies; nobody else connects to it."""
HOST = "127.0.0.1"


class House:
    """What is running. The server commits durably, as in production."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._server = EmbeddedPostgres(state / "postgres")
        self._pid = 0
        """Of the server, for children: only its parent can ask whether it is running."""

    @property
    def is_down(self) -> bool:
        """Whether the server has died."""
        return self._server.pid is None

    def kill_database(self) -> None:
        """SIGKILL to the server and all its processes at once: nobody gets to tidy up. From any process."""
        os.kill(self._pid, signal.SIGSTOP)  # it starts no more processes
        for pid in [*children(self._pid), self._pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while runs(self._pid):
            time.sleep(0.001)

    def start_database(self) -> float:
        """Start the server, again; the seconds until it takes connections."""
        began = time.monotonic()
        self._server.start()
        if self._server.pid is None:
            raise RuntimeError("the database died of itself")  # and 0 would mean ourselves
        self._pid = self._server.pid
        return time.monotonic() - began

    def stop_database(self) -> None:
        """Stop the server in good order."""
        self._server.stop()

    @contextlib.contextmanager
    def web(self, database_url: str) -> Iterator[str]:
        """A web server on a database; yields `host:port`."""
        from citizencard.embedded import services

        port = _free_port()
        web = services.web(self.state, HOST, port)
        web.environment = {**web.environment, "DATABASE_URL": database_url}
        with _running(web):
            yield f"{HOST}:{port}"


@contextlib.contextmanager
def running_house(state: Path) -> Iterator[House]:
    """Database with all tables, and key service, over the state directory that Django's settings name."""
    from django.core.management import call_command

    from citizencard.core.environment import embedded_urls
    from citizencard.embedded import services
    from citizencard.embedded.postgres_socket import private_folder

    sockets, house = embedded_urls(state).socket_dir, House(state)
    private_folder(sockets)
    try:
        house.start_database()
        with _running(services.key_service(state, sockets / "keys.sock")):
            call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
            disconnect()
            yield house
            disconnect()
    finally:
        house.stop_database()
        shutil.rmtree(sockets, ignore_errors=True)


def disconnect() -> None:
    """Leave the database: before a fork, which must not share connections, and before the server dies."""
    from django.db import connection

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's connections have one


def wait_for_database() -> None:
    """Connect anew, as soon as the server takes connections."""
    from django.db import DatabaseError, InterfaceError, connection

    while True:
        disconnect()
        try:
            connection.ensure_connection()
        except (DatabaseError, InterfaceError):
            time.sleep(0.02)
        else:
            return


@contextlib.contextmanager
def _running(service: ProcessService) -> Iterator[None]:
    service.launch(threading.Event())
    try:
        yield
    finally:
        service.stop()


def children(parent: int) -> list[int]:
    """The processes that a process has begun."""
    numbers = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return [pid for pid in numbers if _status(pid)[1] == str(parent)]


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    return _status(pid)[0] not in ("", "Z")


def _status(pid: int) -> tuple[str, str]:
    """State and parent of a process, as proc(5) has them."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "", ""
    return state, parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
