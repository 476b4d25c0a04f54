"""The database server of a run. Its tables are made once, while tests are collected; whoever needs them takes a copy.

Migrating an empty database takes a quarter of a minute of a processor, copying a migrated one a tenth of a second.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import psycopg

from citizencard.embedded.postgres import EmbeddedPostgres

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = "CITIZENCARD_TEST_FOLDER"
"""Names the folder of the run's databases to its test processes; unset where DATABASE_URL names a server."""
PREPARE_SECONDS_MAX = 300


class RunServer:
    """One server that a power cut may rob of everything, over a copy of a migrated cluster that itself stands still."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="citizencard-tests-"))
        self._server = EmbeddedPostgres(self._folder / "postgres", durable=False)
        self._migrating: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        # The kernel stops a server when the thread ends that started it: one thread prepares, starts, waits and stops.
        self._thread = threading.Thread(target=self._live)

    def start(self) -> None:
        """Begin, and name the server in the environment; :func:`migrated_cluster` waits for it."""
        os.environ |= {"DATABASE_URL": self._server.url, FOLDER: str(self._folder)}
        self._thread.start()

    def stop(self) -> None:
        """Stop the server, or what prepares it, and remove its data."""
        self._ending.set()
        if self._migrating is not None:
            self._migrating.terminate()
        self._thread.join()
        del os.environ["DATABASE_URL"], os.environ[FOLDER]
        shutil.rmtree(self._folder, ignore_errors=True)

    def _live(self) -> None:
        try:
            self._prepare()
            with self._server:
                (self._folder / "ready").touch()
                self._ending.wait()
        except Exception:
            (self._folder / "failed").write_text(traceback.format_exc())

    def _prepare(self) -> None:
        from benchmarks.databases import TABLES

        with EmbeddedPostgres(_cluster(self._folder), durable=False) as maker:
            self._migrating = subprocess.Popen(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=PROJECT,
                env=os.environ | {"DATABASE_URL": maker.url},
            )
            if self._migrating.wait() != 0:
                raise RuntimeError("the tables could not be made")
            with psycopg.connect(maker.url, dbname="postgres", autocommit=True) as admin:
                admin.execute(f'CREATE DATABASE "{TABLES}" TEMPLATE citizencard STRATEGY file_copy')
        shutil.copytree(_cluster(self._folder), self._server.data_dir)


def migrated_cluster() -> Path | None:
    """A data directory with all tables, to copy, as soon as the run's server is there; None without one of the run's own."""
    if FOLDER not in os.environ:
        return None
    folder, deadline = Path(os.environ[FOLDER]), time.monotonic() + PREPARE_SECONDS_MAX
    while not (folder / "ready").exists():
        if (folder / "failed").exists():
            raise RuntimeError((folder / "failed").read_text())
        if time.monotonic() > deadline:
            raise RuntimeError(f"no database after {PREPARE_SECONDS_MAX} s")
        time.sleep(0.05)
    return _cluster(folder)


def _cluster(folder: Path) -> Path:
    """In a folder of its own, as its socket is."""
    return folder / "migrated" / "postgres"
