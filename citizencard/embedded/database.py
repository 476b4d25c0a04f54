"""The embedded PostgreSQL as a service under supervision."""

from __future__ import annotations

import threading
from pathlib import Path

from citizencard.embedded.postgres import EmbeddedPostgres


class DatabaseService:
    """The server over ``data_dir``; one that was killed recovers by itself when it is launched again."""

    name = "database"

    def __init__(self, data_dir: Path) -> None:
        self._server = EmbeddedPostgres(data_dir)

    @property
    def pid(self) -> int | None:
        """Process id while the server runs, else None."""
        return self._server.pid

    def launch(self, stopping: threading.Event) -> None:
        """Start the server and wait for it; raises :class:`EmbeddedPostgresError`."""
        self._server.start()

    def stop(self) -> None:
        """Stop the server fast: everything is on disk, clients are disconnected."""
        self._server.stop()

    def last_words(self) -> str:
        """Say where to look."""
        return f"see {self._server.log_path}"
