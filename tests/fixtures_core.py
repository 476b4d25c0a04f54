"""The key service for tests: a real process with the demonstration keys, one for the whole session."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.client import key_service as configured_client
from citizencard.core.keyservice.keystore import KeyStore, load_demo_keys
from citizencard.embedded.lifeline import tied_to_parent

PROJECT = Path(__file__).resolve().parents[1]
DEMO_KEYS = PROJECT / "fixtures" / "demo_keys.json"


class KeyServiceProcess:
    """`python -m citizencard.core.keyservice` on a socket of its own; `words` are further arguments."""

    def __init__(self, socket_path: Path, *words: str, module: str = "citizencard.core.keyservice") -> None:
        self.socket_path = socket_path
        command = [sys.executable, "-m", module, "--socket", str(socket_path), *words]
        self._command = tied_to_parent(command)
        self.log_path = socket_path.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait until it accepts; the seconds that took."""
        began = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=PROJECT, stdout=log, stderr=log)
        client = KeyServiceClient(self.socket_path)
        while time.monotonic() < began + 15:
            if self.process.poll() is not None:
                break
            try:
                client.status()
            except KeyServiceUnavailable:
                time.sleep(0.005)
            else:
                client.close()
                return time.monotonic() - began
        raise RuntimeError(f"key service did not start: {self.log_path.read_text()}")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        """SIGKILL, as a crash: the socket file stays behind."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@pytest.fixture(scope="session")
def key_service() -> Iterator[KeyServiceClient]:
    """A client of a running key service with the demonstration keys; the settings point at it."""
    # A short folder of its own: socket paths are limited to 107 bytes, pytest's tmp_path can be longer.
    with tempfile.TemporaryDirectory(prefix="cc-keys-") as folder:
        service = KeyServiceProcess(Path(folder) / "keys.sock", "--demo-keys", str(DEMO_KEYS))
        service.start()
        before = settings.KEY_SERVICE_SOCKET
        settings.KEY_SERVICE_SOCKET = str(service.socket_path)
        # Tests ask for everything; what the program asks for, it asks for in its own roles.
        yield configured_client("counter")
        settings.KEY_SERVICE_SOCKET = before
        service.stop()


@pytest.fixture(scope="session")
def demo_keys() -> KeyStore:
    """The demonstration masters in clear, to play the chips' side in a test."""
    return load_demo_keys(DEMO_KEYS, environment="test")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What a test has put into Django's cache, the next one must not find: figures of an overview, say."""
    from django.core.cache import cache

    cache.clear()
