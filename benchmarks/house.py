"""The house the benchmarks run in: the services of `manage.py serve` on a durable database of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
CLUSTER = "CITIZENCARD_CLUSTER"
"""May name a migrated data directory to begin with, a copy of it; otherwise everything is made anew."""


@contextlib.contextmanager
def state_directory() -> Iterator[Path]:
    """A new state directory that settings will use; to be entered before Django is set up."""
    for name in "DATABASE_URL", "DATABASE_OWNER_URL", "KEY_SERVICE_SOCKET":
        os.environ.pop(name, None)
    # Short: it names the folder of the sockets.
    state = Path(tempfile.mkdtemp(prefix="cc-bench-"))
    os.environ |= {"CITIZENCARD_STATE": str(state), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
    try:
        if cluster := os.environ.get(CLUSTER):
            shutil.copytree(cluster, state / "postgres")
        yield state
    finally:
        shutil.rmtree(state, ignore_errors=True)


@contextlib.contextmanager
def running_house(state: Path) -> Iterator[str]:
    """Database, key service and web server; yields the web server's address, `host:port`."""
    from django.core.management import call_command

    from citizencard.core.environment import embedded_urls
    from citizencard.embedded import services
    from citizencard.embedded.database import DatabaseService
    from citizencard.embedded.postgres_socket import private_folder
    from citizencard.embedded.supervisor import Supervisor

    sockets = embedded_urls(state).socket_dir
    private_folder(sockets)
    try:
        with Supervisor(lambda line: print(line, file=sys.stderr)) as supervisor:
            supervisor.start(DatabaseService(state / "postgres"))
            supervisor.start(services.key_service(state, sockets / "keys.sock"))
            call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
            port = _free_port()
            web = services.web(state, HOST, port)
            web.environment = {**web.environment, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
            supervisor.start(web)
            yield f"{HOST}:{port}"
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
