"""Lend the embedded services to a single command: `manage.py audit_ledger` works whether or not the city is running."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from citizencard.core.environment import EmbeddedUrls, embedded_urls
from citizencard.embedded.errors import EmbeddedError

STANDALONE = frozenset(
    {
        "check",
        "compilemessages",
        "demo",
        "democard",
        "help",
        "makemessages",
        "makemigrations",
        "post_batch",
        "readcard",
        "sandbox",
        "serve",
        "spectacular",
        "terminal",
        "version",
    }
)
"""Commands that need no database, or bring their own."""
FOUNDING = frozenset({"migrate", "simulate"})
"""Commands that may be the first ones of a new state directory."""


@contextlib.contextmanager
def services_for(arguments: Sequence[str], state_dir: Path) -> Iterator[None]:
    """Start database and key service of `state_dir` for one command, unless they run, are configured or not needed.

    Prints one sentence and exits with 1 when they cannot be started.
    """
    command = arguments[1] if len(arguments) > 1 else "help"
    needless = command in STANDALONE or not {"-h", "--help"}.isdisjoint(arguments)
    urls = embedded_urls(state_dir)
    if needless or "DATABASE_URL" in os.environ or _accepts(urls):
        yield
        return
    if not (state_dir / "postgres").exists() and command not in FOUNDING:
        sys.exit("There is no city here yet: `make demo` founds one, or set DATABASE_URL.")
    with contextlib.ExitStack() as running:
        try:
            _start(running, state_dir, urls)
        except EmbeddedError as error:
            sys.exit(str(error))
        yield


def _start(running: contextlib.ExitStack, state_dir: Path, urls: EmbeddedUrls) -> None:
    # Imported here: a command on a configured database must not need the embedded one's wheel.
    from citizencard.embedded import services
    from citizencard.embedded.database import DatabaseService
    from citizencard.embedded.postgres_socket import private_folder
    from citizencard.embedded.state import exclusive
    from citizencard.embedded.supervisor import Supervisor

    running.enter_context(exclusive(state_dir))
    private_folder(urls.socket_dir)
    supervisor = running.enter_context(Supervisor(lambda line: print(line, file=sys.stderr)))
    supervisor.start(DatabaseService(state_dir / "postgres"))
    if "KEY_SERVICE_SOCKET" not in os.environ:
        supervisor.start(services.key_service(state_dir, Path(urls.key_service)))


def _accepts(urls: EmbeddedUrls) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(urls.socket_dir / ".s.PGSQL.5432")) == 0
