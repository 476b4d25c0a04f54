"""The bridge in one test process: a real hub on real sockets, real agents with simulated readers."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from citizencard.bridge.hub import Hub
from citizencard.bridge.services import ask_pairing_code, pair_workstation
from citizencard.bridge.transport import BridgeTransport, workstation_state
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from terminals.bridge.agent import Agent
from terminals.bridge.errors import BridgeError
from terminals.bridge.identity import Identity
from terminals.bridge.sources import ReaderSource, SimulatedSource

ORIGIN = "http://127.0.0.1:8000"
READER = "Simulated 00"
CLERK = "clerk"
WAIT_SECONDS = 15.0


def wait_for(truth: Callable[[], Any], seconds: float = WAIT_SECONDS) -> None:
    """Until it is true, or the test fails."""
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@dataclass
class Desk:
    """A workstation with its agent; `error` is what ended the agent."""

    identity: Identity
    source: ReaderSource
    lines: list[str] = field(default_factory=list)
    error: BridgeError | None = None

    @property
    def pk(self) -> UUID:
        return UUID(self.identity.workstation)

    @contextmanager
    def running(self) -> Iterator[Agent]:
        agent = Agent(self.identity, self.source, self.lines.append)

        def run() -> None:
            try:
                agent.run()
            except BridgeError as error:
                self.error = error

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield agent
        finally:
            agent.stop()
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()

    def is_connected(self) -> bool:
        return workstation_state(self.pk) is not None

    def use(self, *, actor: str = CLERK, **options: Any) -> BridgeTransport:
        return BridgeTransport(self.pk, actor=actor, purpose="test", **options)


class House:
    """One hub, as many desks as wanted."""

    def __init__(self, settings: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cc-bridge-")
        settings.BRIDGE_ORIGIN = ORIGIN
        settings.BRIDGE_SOCKET = str(Path(self._folder.name) / "hub.sock")
        self._settings = settings
        self._open = ExitStack()
        self.start_hub()

    @property
    def hub_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/bridge"

    def start_hub(self, port: int = 0) -> None:
        self.hub = Hub(
            host="127.0.0.1", port=port, origin=ORIGIN, socket_path=Path(self._settings.BRIDGE_SOCKET)
        )
        self.port = self.hub.port
        self._settings.BRIDGE_URL = self.hub_url
        self._thread = threading.Thread(target=self.hub.serve_forever)
        self._thread.start()

    def stop_hub(self) -> None:
        self.hub.close()
        self._thread.join(WAIT_SECONDS)

    def pair(self, source: ReaderSource | None = None) -> Desk:
        """A workstation, known but not connected."""
        key = Ed25519PrivateKey.generate()
        _, code = ask_pairing_code(name="3 号窗口", actor=CLERK)
        workstation = pair_workstation(code=code, public_key=key.public_key().public_bytes_raw())
        identity = Identity(
            server=ORIGIN,
            hub=self.hub_url,
            origin=ORIGIN,
            workstation=str(workstation.pk),
            server_key=key_service().public_key(SignPurpose.CARD_BRIDGE).hex(),
            private_key=key.private_bytes_raw().hex(),
        )
        return Desk(identity, source or SimulatedSource({READER: None}))

    def staffed(self, source: ReaderSource | None = None) -> Desk:
        """A workstation whose agent runs until the house closes."""
        desk = self.pair(source)
        self._open.enter_context(desk.running())
        wait_for(desk.is_connected)
        return desk

    def close(self) -> None:
        self._open.close()
        self.stop_hub()
        self._folder.cleanup()
