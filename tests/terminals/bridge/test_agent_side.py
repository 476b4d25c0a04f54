"""The agent's parts on their own: what it may do with a reader, what it keeps on disk, whom it talks to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals.bridge import slots as slots_module
from terminals.bridge.agent import Agent
from terminals.bridge.desk import Desk
from terminals.bridge.errors import GarbledMessage, InsecureServer, NotPaired
from terminals.bridge.faults import fault, name_of
from terminals.bridge.identity import Identity, require_tls
from terminals.bridge.messages import Message, Slot
from terminals.bridge.slots import SlotWatcher
from terminals.bridge.sources import SimulatedSource, Watch
from terminals.card.errors import CardRemoved, ReaderUnavailable, TransportError
from terminals.readers.errors import MuteCard, NoService
from terminals.simulator.chip import Chip
from tests.terminals.bench import chip

__all__ = ["chip"]

READER = "Simulated 00"
READ_SERIAL = "00B0850008"
OPEN = {"do": "open", "reader": "", "wait_ms": 0, "actor": "lin", "purpose": "test"}


@pytest.fixture
def identity() -> Identity:
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    return Identity(
        server="https://card.example",
        hub="wss://card.example/bridge",
        origin="https://card.example",
        workstation="a",
        server_key=keys[0].public_key().public_bytes_raw().hex(),
        private_key=keys[1].private_bytes_raw().hex(),
    )


class TestDesk:
    @pytest.fixture
    def said(self) -> list[str]:
        return []

    @pytest.fixture
    def desk(self, chip: Chip, said: list[str]) -> Desk:
        self.source = SimulatedSource({READER: chip})
        return Desk(self.source, said.append)

    def test_it_opens_sends_resets_and_lets_go(self, desk: Desk, chip: Chip, said: list[str]) -> None:
        assert desk.answer(Message(OPEN)) == {"reader": READER}
        sent = {"do": "transmit", "apdu": READ_SERIAL}
        assert desk.answer(Message(sent)) == {"data": b"CHIP0001".hex(), "sw": 0x9000}
        assert desk.answer(Message({"do": "reset"})) == {"atr": chip.ATR.hex()}
        assert desk.answer(Message({"do": "close"})) == {}
        assert said == [f"lin uses {READER}: test", "finished after 1 commands"]

    def test_a_fault_is_an_answer(self, desk: Desk) -> None:
        assert desk.answer(Message({"do": "reset"}))["error"] == "TransportError"
        desk.answer(Message(OPEN))
        self.source.remove(READER)
        answer = desk.answer(Message({"do": "transmit", "apdu": READ_SERIAL}))
        assert answer["error"] == "CardRemoved"
        assert desk.answer(Message(OPEN))["error"] == "NoCard"

    @pytest.mark.parametrize(
        "request_",
        [
            {},
            {"do": "format"},
            {"do": "__init__"},
            {"do": "transmit"},
            {"do": "transmit", "apdu": "00B085"},
            {"do": "transmit", "apdu": "00" * 262},
            {"do": "open"},
            OPEN | {"wait_ms": 60_001},
            OPEN | {"wait_ms": -1},
            OPEN | {"actor": "a\x1b[2J"},
        ],
    )
    def test_anything_else_is_refused(self, desk: Desk, request_: dict[str, object]) -> None:
        with pytest.raises(GarbledMessage):
            desk.answer(Message(request_))

    def test_opening_again_lets_the_first_card_go(self, desk: Desk, chip: Chip) -> None:
        desk.answer(Message(OPEN))
        desk.answer(Message(OPEN))
        assert desk.answer(Message({"do": "transmit", "apdu": READ_SERIAL}))["sw"] == 0x9000


class TestIdentity:
    def test_it_is_kept_for_its_owner_alone(self, identity: Identity, tmp_path: Path) -> None:
        file = tmp_path / "config" / "bridge.json"
        identity.save(file)
        assert file.stat().st_mode & 0o777 == 0o600
        assert Identity.load(file) == identity
        replace(identity, workstation="b").save(file)
        assert Identity.load(file).workstation == "b"
        assert [each.name for each in file.parent.iterdir()] == ["bridge.json"]

    def test_a_file_others_can_read_is_not_used(self, identity: Identity, tmp_path: Path) -> None:
        identity.save(tmp_path / "bridge.json")
        (tmp_path / "bridge.json").chmod(0o640)
        with pytest.raises(NotPaired, match="read by others"):
            Identity.load(tmp_path / "bridge.json")

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"server": 1}', '{"bogus": 1}'])
    def test_a_broken_file_is_not_used(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "bridge.json"
        file.write_text(content)
        file.chmod(0o600)
        with pytest.raises(NotPaired, match="pair this PC again"):
            Identity.load(file)

    def test_the_private_key_is_not_shown(self, identity: Identity) -> None:
        assert identity.private_key not in repr(identity)


@pytest.mark.parametrize(
    "url",
    [
        "https://card.example",
        "wss://card.example:444/bridge",
        "http://localhost:8000",
        "ws://127.0.0.1:1/",
        "ws://[::1]/",
    ],
)
def test_tls_or_this_very_machine(url: str) -> None:
    require_tls(url)


@pytest.mark.parametrize(
    "url",
    ["http://card.example", "ws://10.0.0.7/bridge", "http://localhost.evil.example", "http://127.0.0.1@evil.example",
     "ftp://localhost", "card.example", "", "https://"],
)  # fmt: skip
def test_no_command_travels_in_the_clear(url: str, identity: Identity) -> None:
    with pytest.raises(InsecureServer):
        require_tls(url)
    with pytest.raises(InsecureServer):
        Agent(replace(identity, hub=url), SimulatedSource({}), print)


class Daemonless(SimulatedSource):
    """Without a smart card service at first."""

    def __init__(self, chip: Chip, missing: int) -> None:
        super().__init__({READER: chip})
        self._missing = missing

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        self._missing -= 1
        if self._missing >= 0:
            raise NoService("the smart card service is not running: start pcscd")
        with super().watch() as watch:
            yield watch


def test_a_missing_service_is_said_once_and_looked_for_again(
    chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "SERVICE_RETRY_SECONDS", 0.01)
    said: list[str] = []
    there = threading.Event()
    watcher = SlotWatcher(
        Daemonless(chip, missing=3),
        changed=lambda slots: there.set() if slots and slots[0].atr else None,
        say=said.append,
    )
    watcher.start()
    assert there.wait(10)
    assert watcher.slots == (Slot(READER, chip.ATR),)
    watcher.stop()
    assert [line for line in said if "pcscd" in line] == [
        "the smart card service is not running: start pcscd"
    ]


def test_faults_cross_the_bridge_by_name() -> None:
    class Odd(CardRemoved):
        """Known on one side only."""

    for error, kind in (
        (MuteCard("x"), MuteCard),
        (Odd("x"), CardRemoved),
        (TransportError("x"), TransportError),
    ):
        assert type(fault(name_of(error), "x")) is kind
    assert type(fault("SystemExit", "x")) is TransportError
    assert isinstance(fault("NoService", "x"), ReaderUnavailable)
