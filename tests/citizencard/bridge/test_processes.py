"""Hub and agent as they run in the field: processes of their own, paired over HTTP, killed without warning."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from citizencard.bridge.models import Workstation
from citizencard.bridge.services import ask_pairing_code
from citizencard.bridge.transport import BridgeTransport, workstation_state
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.embedded.lifeline import tied_to_parent
from terminals.card.describe import describe_card
from terminals.card.errors import TransportError
from terminals.simulator.store import DirectoryStore
from tests.citizencard.bridge.house import wait_for
from tests.citizencard.bridge.tls import certificate, tls_front
from tests.terminals.cards import CARD_NUMBER, issued_chip

PROJECT = Path(__file__).resolve().parents[3]
READ_SERIAL = bytes.fromhex("00B0850008")
pytestmark = pytest.mark.slow


def agent(*words: str) -> list[str]:
    return [sys.executable, "-m", "terminals.bridge", *words]


@contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as target:
        running = subprocess.Popen(
            tied_to_parent(command), env=os.environ | environment, cwd=PROJECT, stdout=target, stderr=target
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def hub(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Any]:
    """Starts `manage.py bridge`, as often as asked, on the test's own database."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    database = f"{base.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    short = Path("/tmp") / f"cc-hub-{os.getpid()}.sock"  # noqa: S108  pytest's own folders are too long for a socket
    settings.BRIDGE_SOCKET = str(short)
    settings.BRIDGE_URL = f"ws://127.0.0.1:{port}/bridge"

    def start() -> Any:
        command = [sys.executable, "manage.py", "bridge", "--port", str(port)]
        return process(
            command,
            tmp_path / "hub.log",
            DATABASE_URL=database,
            BRIDGE_SOCKET=str(short),
            PORTAL_URL=settings.BRIDGE_ORIGIN,
            KEY_SERVICE_SOCKET=settings.KEY_SERVICE_SOCKET,
        )

    yield start
    short.unlink(missing_ok=True)


def use_until_it_breaks(transport: BridgeTransport) -> None:
    for _ in range(1000):
        transport.transmit(READ_SERIAL)


def connected(pk: Any) -> bool:
    try:
        return workstation_state(pk) is not None
    except TransportError:  # no hub, or one that is just ending
        return False


def test_paired_over_http_then_killed_in_use_one_after_the_other(
    key_service: KeyServiceClient, live_server: LiveServer, hub: Any, tmp_path: Path
) -> None:
    issued_chip(store=DirectoryStore(tmp_path / "card"))
    config = ["--config", str(tmp_path / "bridge.json")]
    _, code = ask_pairing_code(name="3 号窗口", actor="clerk")
    refused = subprocess.run(
        agent("pair", live_server.url, "ABCD-EFGH", *config),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    subprocess.run(agent("pair", live_server.url, code, *config), cwd=PROJECT, check=True)
    assert (tmp_path / "bridge.json").stat().st_mode & 0o777 == 0o600
    pk = Workstation.objects.get().pk
    run = agent("run", "--card", str(tmp_path / "card"), *config)

    def use() -> BridgeTransport:
        wait_for(lambda: connected(pk), 30)
        return BridgeTransport(pk, actor="clerk", purpose="test")

    def breaks(transport: BridgeTransport, victim: subprocess.Popen[bytes]) -> None:
        assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)
        victim.kill()
        began = time.monotonic()
        with pytest.raises(TransportError):
            use_until_it_breaks(transport)
        assert time.monotonic() - began < 5
        transport.close()

    with hub() as first_hub, process(run, tmp_path / "agent.log") as first_agent:
        breaks(use(), first_agent)
        with process(run, tmp_path / "agent.log"):
            breaks(use(), first_hub)
            with hub(), use() as transport:
                shown = describe_card(transport)
    assert shown["card_number"] == CARD_NUMBER
    said = (tmp_path / "agent.log").read_text()
    assert "clerk uses simulated reader: test" in said
    assert "Traceback" not in said + (tmp_path / "hub.log").read_text()


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    config = ["--config", str(tmp_path / "bridge.json")]
    for words, sentence in (
        (["run"], "not paired"),
        (["pair", "http://card.example", "ABCD-EFGH"], "not an https"),
        (["pair", "http://127.0.0.1:9", "ABCD-EFGH"], "does not answer"),
    ):
        done = subprocess.run(
            agent(*words, *config), cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_behind_tls_and_only_behind_a_certificate_this_pc_trusts(
    key_service: KeyServiceClient, live_server: LiveServer, hub: Any, settings: Any, tmp_path: Path
) -> None:
    issued_chip(store=DirectoryStore(tmp_path / "card"))
    config = ["--config", str(tmp_path / "bridge.json")]
    pem = certificate(tmp_path)
    clear_hub = urlsplit(settings.BRIDGE_URL).port
    assert clear_hub is not None
    with tls_front(live_server.thread.port, pem) as web, tls_front(clear_hub, pem) as bridge:
        server = settings.BRIDGE_ORIGIN = f"https://localhost:{web}"
        settings.BRIDGE_URL = f"wss://localhost:{bridge}/bridge"
        _, code = ask_pairing_code(name="3 号窗口", actor="clerk")
        trusting = os.environ | {"SSL_CERT_FILE": str(pem)}
        pairing = agent("pair", server, code, *config)
        stranger = subprocess.run(pairing, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert stranger.returncode == 1
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.stderr
        subprocess.run(pairing, cwd=PROJECT, env=trusting, check=True)
        pk = Workstation.objects.get().pk
        run = agent("run", "--card", str(tmp_path / "card"), *config)
        with hub():
            with process(run, tmp_path / "stranger.log"):
                wait_for(lambda: "CERTIFICATE_VERIFY_FAILED" in (tmp_path / "stranger.log").read_text(), 30)
                assert not connected(pk)
            with process(run, tmp_path / "agent.log", SSL_CERT_FILE=str(pem)):
                wait_for(lambda: connected(pk), 30)
                with BridgeTransport(pk, actor="clerk", purpose="test") as transport:
                    assert describe_card(transport)["card_number"] == CARD_NUMBER
