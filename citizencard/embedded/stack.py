"""The whole house in one process tree: database, key service, web, worker, beat, card bridge and, for the demo, the
payment sandbox.

With ``DATABASE_URL`` set the operator's PostgreSQL is used; with ``KEY_SERVICE_SOCKET`` set, the operator's key service.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from django.core.management import call_command
from django.db import connections

from citizencard.core.environment import embedded_urls
from citizencard.embedded import services
from citizencard.embedded.database import DatabaseService
from citizencard.embedded.ports import check_port_free
from citizencard.embedded.postgres_socket import private_folder
from citizencard.embedded.process import ProcessService
from citizencard.embedded.state import DATABASE, exclusive
from citizencard.embedded.supervisor import Service, Supervisor

logger = logging.getLogger(__name__)

BRIDGE_PORT_AFTER = 2
"""The card bridge listens so far above the web's port; the demo's payment sandbox stands between them."""


class Stack:
    """All services over one state directory. Use as a context manager, or ``start()`` and ``stop()``.

    ``sandbox_port`` also starts the payment gateway's sandbox there. ``report`` receives one line per event.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int = 8000,
        host: str = "127.0.0.1",
        sandbox_port: int | None = None,
        report: Callable[[str], None] = logger.info,
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.url = f"http://{host}:{port}"
        self._address = (host, port)
        self._bridge_port = port + BRIDGE_PORT_AFTER
        self._sandbox_port = sandbox_port
        self._report = report
        self._socket_dir = embedded_urls(self.state_dir).socket_dir
        self._open = contextlib.ExitStack()

    def start(self) -> None:
        """Start everything but beat in order and return when the web answers. Nothing stays when it fails.

        Raises :class:`EmbeddedError`: already running, port in use, broken data directory, a service that fails.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def start_beat(self) -> None:
        """Begin what happens by the clock. Apart, so that no nightly task closes the business date that a demo is playing."""
        self._launch([services.beat(self.state_dir)])

    def stop(self) -> None:
        """Stop everything in reverse order. A second call does nothing."""
        self._open.close()

    def pids(self) -> dict[str, int]:
        """Return the process id of every running service by name."""
        return self._supervisor.pids()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._open.enter_context(exclusive(self.state_dir))
        (self.state_dir / "static").mkdir(exist_ok=True)
        self._check_ports()
        private_folder(self._socket_dir)
        self._open.callback(self._remove_socket_dir)
        self._supervisor = self._open.enter_context(Supervisor(self._report))
        self._launch(self._stores())
        self._migrate()
        self._launch(self._workers())

    def _check_ports(self) -> None:
        host, port = self._address
        check_port_free(port, host)
        check_port_free(self._bridge_port, host)
        if self._sandbox_port is not None:
            check_port_free(self._sandbox_port)

    def _stores(self) -> Iterable[Service]:
        if "DATABASE_URL" not in os.environ:
            yield DatabaseService(self.state_dir / DATABASE)
        if "KEY_SERVICE_SOCKET" not in os.environ:
            yield services.key_service(self.state_dir, self._socket_dir / "keys.sock")

    def _workers(self) -> Iterable[ProcessService]:
        host, port = self._address
        socket_path = self._socket_dir / "bridge.sock"
        addresses = {
            "PORTAL_URL": os.environ.get("PORTAL_URL", self.url),
            "BRIDGE_URL": os.environ.get("BRIDGE_URL", f"ws://{host}:{self._bridge_port}/bridge"),
            "BRIDGE_SOCKET": str(socket_path),
        }
        wanted = [services.web(self.state_dir, host, port), services.worker(self.state_dir)]
        wanted.append(services.bridge(self.state_dir, host, self._bridge_port, socket_path))
        if self._sandbox_port is not None:
            addresses["GATEWAY_URL"] = f"http://127.0.0.1:{self._sandbox_port}"
            wanted.insert(0, services.sandbox(self.state_dir, self._sandbox_port))
        for service in wanted:
            service.environment = {**service.environment, **addresses}
        return wanted

    def _launch(self, wanted: Iterable[Service]) -> None:
        for service in wanted:
            self._report(f"starting {service.name}")
            self._supervisor.start(service)

    def _migrate(self) -> None:
        self._report("migrating the database")
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        connections.close_all()

    def _remove_socket_dir(self) -> None:
        shutil.rmtree(self._socket_dir, ignore_errors=True)
