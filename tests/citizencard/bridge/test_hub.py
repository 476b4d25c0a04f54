"""Who gets past the hub's door, and what happens to those who misbehave behind it."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Origin

from citizencard.bridge import leases
from citizencard.bridge.models import Workstation
from citizencard.bridge.services import revoke_workstation
from terminals.bridge.agent import introduce
from terminals.bridge.errors import GarbledMessage, HubNotTrusted, NotPaired
from terminals.bridge.messages import MESSAGE_BYTES_MAX, REPLACED, UNPAIRED, Message, pack
from terminals.bridge.sources import SimulatedSource
from terminals.card.errors import ReaderUnavailable, TransportError
from terminals.simulator.chip import Chip
from tests.citizencard.bridge.house import ORIGIN, READER, Desk, House, wait_for

READ_SERIAL = bytes.fromhex("00B0850008")


@contextmanager
def dial(house: House, origin: str | None = ORIGIN, path: str = "") -> Iterator[ClientConnection]:
    named = Origin(origin) if origin else None
    with connect(house.hub_url + path, origin=named, compression=None, proxy=None) as line:
        yield line


@contextmanager
def line_of(house: House, desk: Desk) -> Iterator[ClientConnection]:
    """A connection that has passed the handshake; the test plays the agent."""
    with dial(house) as line:
        introduce(line, desk.identity)
        line.send(pack(readers=[{"name": READER, "atr": None}]))
        wait_for(desk.is_connected)
        yield line


def closed_with(line: ClientConnection) -> int | None:
    """The code with which the hub hangs up."""
    try:
        while True:
            line.recv(15)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:8000.evil.example", None]
)
def test_a_foreign_page_does_not_even_get_a_handshake(house: House, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused, dial(house, origin):
        pass
    assert refused.value.response.status_code == 403


def test_there_is_one_address(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused, dial(house, path="/admin"):
        pass
    assert refused.value.response.status_code == 404


def test_a_wrong_key_an_unknown_and_a_revoked_workstation_hear_the_same(house: House) -> None:
    desk, revoked = house.pair(), house.pair()
    revoke_workstation(
        workstation=Workstation.objects.get(pk=revoked.pk), actor="clerk", reason="PC scrapped"
    )
    stranger = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    for identity in (
        replace(desk.identity, private_key=stranger),
        replace(desk.identity, workstation="00000000-0000-4000-8000-000000000000"),
        replace(desk.identity, workstation="no uuid"),
        replace(desk.identity, origin="https://other.example"),
        revoked.identity,
    ):
        with dial(house) as line:
            with pytest.raises(ConnectionClosed) as caught:
                introduce(line, identity)
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (UNPAIRED, "not a known workstation")


def test_an_agent_that_is_not_known_any_more_ends_with_a_sentence(house: House) -> None:
    desk = house.pair()
    Workstation.objects.all().delete()
    with desk.running():
        wait_for(lambda: desk.error)
    assert isinstance(desk.error, NotPaired)


def test_an_answer_to_an_older_challenge_is_worth_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an eavesdropper has recorded cannot be said again."""
    monkeypatch.setattr("terminals.bridge.agent.ANSWER_SECONDS", 0.3)
    desk = house.pair()
    with dial(house) as line:
        said: list[Any] = []
        monkeypatch.setattr(line, "send", said.append)
        with pytest.raises(GarbledMessage, match="does not go on"):
            introduce(line, desk.identity)
    with dial(house) as line:
        line.recv(10)
        line.send(said[0])
        assert closed_with(line) == UNPAIRED


def test_a_revoked_workstation_is_cut_off_in_use(house: House, chip: Chip) -> None:
    desk = house.pair(SimulatedSource({READER: chip}))
    with desk.running():
        wait_for(desk.is_connected)
        transport = desk.use()
        revoke_workstation(workstation=Workstation.objects.get(pk=desk.pk), actor="clerk", reason="PC stolen")
        with pytest.raises(ReaderUnavailable):
            desk.use(actor="lin")
        with pytest.raises(TransportError):
            transport.transmit(READ_SERIAL)
        transport.close()
        wait_for(lambda: desk.error)
    assert isinstance(desk.error, NotPaired)


def test_a_second_agent_with_the_same_key_takes_over(house: House) -> None:
    desk = house.pair()
    with line_of(house, desk) as first, dial(house) as second:
        introduce(second, desk.identity)
        assert closed_with(first) == REPLACED
        assert desk.is_connected()


def test_an_agent_obeys_nobody_but_its_server(house: House, chip: Chip) -> None:
    """An impostor in the hub's place gets a signature over its own nonce and nothing else."""
    desk = house.pair(SimulatedSource({READER: chip}))
    heard: list[str] = []

    def impostor(line: ServerConnection) -> None:
        line.send(pack(challenge=secrets.token_hex(32)))
        heard.append(str(line.recv()))
        line.send(pack(welcome=secrets.token_hex(64)))
        line.send(pack(id=1, do="open", reader="", wait_ms=0, actor="x", purpose="x"))
        heard.extend(str(text) for text in line)

    with serve(impostor, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        identity = replace(desk.identity, hub=f"ws://127.0.0.1:{port}/bridge")
        with connect(identity.hub, compression=None, proxy=None) as line, pytest.raises(HubNotTrusted):
            introduce(line, identity)
        desk.identity = identity
        with desk.running():
            wait_for(lambda: any("not the server" in text for text in desk.lines))
        server.shutdown()
    assert all("hello" in text for text in heard)


GARBAGE: list[str | bytes] = [
    "",
    "{",
    "[]",
    "null",
    "1",
    '"x"',
    b"\xff\x00",
    "[" * 8000,
    '{"id":"1"}',
    '{"id":-1}',
    '{"id":1e300}',
    '{"id":true}',
    '{"readers":1}',
    '{"readers":[1]}',
    '{"readers":[{"name":1}]}',
    '{"readers":[{"name":"a\\n","atr":null}]}',
    '{"readers":[{"name":"a","atr":"zz"}]}',
    pack(readers=[{"name": "r", "atr": None}] * 17),
    "x" * (MESSAGE_BYTES_MAX + 1),
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_the_line_and_nothing_else(house: House, garbage: str | bytes) -> None:
    desk = house.pair()
    with dial(house) as line:
        line.recv(10)
        line.send(garbage)
        assert closed_with(line) in (1008, 1009, 1007)
    with line_of(house, desk) as line:
        line.send(garbage)
        assert closed_with(line) in (1008, 1009, 1007)
    with line_of(house, desk):
        pass


def test_garbage_as_an_answer_is_an_error_at_the_user(house: House) -> None:
    for answer in ({"reader": 7}, {"error": 1}, {}):
        desk = house.pair()
        with line_of(house, desk) as line:

            def reply(line: ClientConnection = line, answer: dict[str, Any] = answer) -> None:
                line.send(pack(id=Message.unpack(line.recv(10)).integer("id", 0, 9), **answer))

            threading.Thread(target=reply, daemon=True).start()
            with pytest.raises(TransportError, match="makes no sense"):
                desk.use()
            assert closed_with(line) == 1008


def test_a_flood_ends_the_line(house: House) -> None:
    desk = house.pair()
    with line_of(house, desk) as line:
        with suppress(ConnectionClosed):
            for _ in range(10_000):
                line.send(pack(readers=[]))
        assert closed_with(line) == 1008


def test_a_silent_agent_is_given_up_within_seconds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "ANSWER_SECONDS", 0.5)
    desk = house.pair()
    with line_of(house, desk) as line:
        began = time.monotonic()
        with pytest.raises(TransportError, match="does not answer"):
            desk.use()
        assert time.monotonic() - began < 10
        assert closed_with(line) == 1011


def test_whoever_says_nothing_is_shown_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citizencard.bridge.agents.HELLO_SECONDS", 0.2)
    with dial(house) as line:
        assert closed_with(line) == 1008


def test_a_crowd_of_strangers_does_not_keep_the_workstations_out_for_long(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citizencard.bridge.agents.HELLO_SECONDS", 0.5)
    with ExitStack() as crowd:
        strangers = [crowd.enter_context(dial(house)) for _ in range(40)]
        assert 1013 in [closed_with(line) for line in strangers]
    desk = house.pair()
    with line_of(house, desk):
        assert desk.is_connected()


@pytest.mark.parametrize(
    "said", [b"", b"\n", b"{}\n", b'{"do":"sing"}\n', b'{"do":"lease","workstation":"x"}\n', b"x" * 20_000]
)
def test_garbage_on_the_inner_socket_ends_that_connection_only(
    house: House, settings: Any, said: bytes
) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(10)
        client.connect(settings.BRIDGE_SOCKET)
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # bytes it did not read
            assert client.recv(1000) == b""
    house.staffed()


def test_only_the_owner_may_use_the_inner_socket(house: House, settings: Any) -> None:
    assert Path(settings.BRIDGE_SOCKET).stat().st_mode & 0o777 == 0o600
