"""Keys are nowhere but in the key service: not in the memory, environment or logs of processes that work with it."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from accounts.models import Citizen
from citizencard.core.keyservice.keystore import (
    KEY_BYTES,
    KeyStore,
    Master,
    Usage,
    algorithms_of,
    load_demo_keys,
)
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.keyservice.vault_software import SoftwareVault
from citizencard.embedded import services
from citizencard.embedded.process import ProcessService
from terminals.card import crypto
from terminals.card.keys import CARD_SLOTS
from tests.citizencard.core.keyservice.cards import TERMINAL, WHEN, CardSide
from tests.citizencard.core.keyservice.memory import CHUNK, Needles, session_of
from tests.factories import document_number
from tests.fixtures_core import KeyServiceProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

ORDERS = 16
"""Pieces of work for web, and as many for the worker."""
RAND = bytes.fromhex("11223344")


@dataclass
class Planted:
    """Random masters, and every key that the work derives from them."""

    store: KeyStore
    rng: random.Random = field(default_factory=lambda: random.Random(20261121))
    derived: dict[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.card_side = CardSide(self.store)

    def order(self) -> dict[str, Any]:
        """Work on a card of its own, with the MACs that only the card could have made."""
        serial, chip = self.rng.randbytes(8), self.rng.randbytes(8)
        others = [self.rng.randbytes(8) for _ in range(20)]
        self._remember(serial, chip, others)
        session = self.card_side.load_session_key(1, serial, RAND, 41)
        self.derived[session] = "session key"
        dtk = self.card_side.key(Usage.TAC, 1, serial)
        records = [self.card_side.purchase_record(other, 200, seq) for seq in range(100) for other in others]
        return {
            "serial": serial.hex(),
            "chip": chip.hex(),
            "terminal": TERMINAL.hex(),
            "when": WHEN.isoformat(),
            "rand": RAND.hex(),
            "mac1": crypto.load_mac1(session, 500, 5000, 2, TERMINAL).hex(),
            "tac": crypto.load_tac(dtk, 5500, 41, 5000, 2, TERMINAL, WHEN).hex(),
            "records": b"".join(records).hex(),
            "document": document_number(),
        }

    def needles(self) -> dict[bytes, str]:
        """Masters, issuer's level, derived keys."""
        return self.masters() | self.issuer_level() | self.of_one_purpose() | self.derived

    def of_one_purpose(self) -> dict[bytes, str]:
        """Index keys of the columns that the work fills, and the signing key."""
        vault = SoftwareVault(self.store.keys)
        columns = (b"accounts_citizen.document", b"accounts_citizen.phone")
        keys = {
            vault.mac(Usage.PII_INDEX, 1, b"citizencard blind index " + c + b"\x01"): "index" for c in columns
        }
        seed = vault.mac(
            Usage.SIGN, 2, b"citizencard signature " + SignPurpose.BUREAU_FILE.encode() + b"\x01"
        )
        return keys | {seed: "signature"}

    def masters(self) -> dict[bytes, str]:
        return {key: f"master {usage} {version}" for (usage, version), key in self.store.masters.items()}

    def issuer_level(self) -> dict[bytes, str]:
        """Of the keys that the work uses: version 1."""
        return {
            crypto.diversify(key, self.store.issuer_factor8): f"issuer {usage}"
            for (usage, version), key in self.store.masters.items()
            if version == 1 and usage.name in {slot.name for slot in CARD_SLOTS}
        }

    def _remember(self, serial: bytes, chip: bytes, others: list[bytes]) -> None:
        for slot in CARD_SLOTS:
            self.derived[self.card_side.key(Usage[slot.name], 1, serial)] = f"card {slot.name}"
        transport = self.store.master(Usage.TRANSPORT, 1)
        self.derived[crypto.diversify(transport, chip)] = "transport"
        self.derived[self.card_side.key(Usage.MAINTENANCE, 1, chip)] = "SAM maintenance"
        for other in (*others, serial):
            dtk = self.card_side.key(Usage.TAC, 1, other)
            self.derived |= {dtk: "card TAC", crypto.tac_key(dtk): "card TAC, folded"}


def random_keys(path: Path) -> KeyStore:
    """A key file like the demonstration's, of keys that exist nowhere else on this machine."""
    rng = random.SystemRandom()
    entries = []
    for usage in set(Usage) - {Usage.KEK}:
        algorithm = algorithms_of(usage)[0]
        for version in (1, 2):
            master = Master(algorithm, rng.randbytes(KEY_BYTES[algorithm]))
            entry = {"usage": usage, "version": version, "value": master.key.hex(), "kcv": master.kcv}
            entries.append(entry)
    path.write_text(json.dumps({"demo": True, "issuer_factor": rng.randbytes(8).hex(), "keys": entries}))
    return load_demo_keys(path, environment="test")


@dataclass(frozen=True)
class House:
    """Key service, web and worker at work, and what was planted in the first."""

    planted: Planted
    keys: KeyServiceProcess
    web: ProcessService
    worker: ProcessService
    url: str
    state: Path

    def processes(self) -> dict[str, list[int]]:
        """All processes of web and worker: masters, pools and whatever else they have started."""
        named = {}
        for service in (self.web, self.worker):
            assert service.pid is not None
            named[service.name] = session_of(service.pid)
        return named

    def logs(self) -> list[Path]:
        return [*(self.state / "log").iterdir(), self.keys.log_path]


@pytest.fixture
def house(transactional_db: None, folder: Path) -> Iterator[House]:
    """On the test's own database; commands and environment as `citizencard.embedded.services` gives them."""
    from django.db import connection

    store = random_keys(folder / "keys.json")
    keys = KeyServiceProcess(folder / "keys.sock", "--demo-keys", str(folder / "keys.json"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        "DATABASE_URL": urlunsplit(database),
        "KEY_SERVICE_SOCKET": str(keys.socket_path),
        "CELERY_BROKER_URL": "pgmq://",
        "DJANGO_SETTINGS_MODULE": "tests.citizencard.core.keyservice.house_settings",
    }
    web, worker = services.web(folder, "127.0.0.1", port), services.worker(folder)
    try:
        keys.start()
        for service in (web, worker):
            service.environment = {**service.environment, **environment}
            service.launch(threading.Event())
        yield House(Planted(store), keys, web, worker, f"http://127.0.0.1:{port}", folder)
    finally:
        for service in (worker, web):
            service.stop()
        keys.kill()


def put_to_work(house: House) -> None:
    """As many orders for web as for the worker; returns when all are done."""

    def post(orders: list[dict[str, Any]]) -> bytes:
        body = json.dumps(orders).encode()
        with urllib.request.urlopen(f"{house.url}/work/", body, timeout=60) as answer:  # noqa: S310 -- our own address
            content: bytes = answer.read()
            return content

    pairs = [[house.planted.order(), house.planted.order()] for _ in range(ORDERS)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(post, pairs)) == [b"done"] * ORDERS
    deadline = time.monotonic() + 60
    while Citizen.objects.count() < 2 * ORDERS:
        assert time.monotonic() < deadline, (house.state / "log" / "worker.log").read_text()[-3000:]
        time.sleep(0.1)


def test_keys_are_in_the_key_service_only(house: House) -> None:
    put_to_work(house)
    needles = Needles(house.planted.needles())
    found = {
        (name, pid): needles.found_in_process(pid) for name, pids in house.processes().items() for pid in pids
    }
    assert len([pid for name, pid in found if name == "web"]) >= 3, "gunicorn and its two workers"
    assert len([pid for name, pid in found if name == "worker"]) >= 3, "Celery and its pool of two"
    assert {place: names for place, names in found.items() if names} == {}
    for _, pid in found:
        for file in ("environ", "cmdline"):
            assert needles.found_in(padded(Path(f"/proc/{pid}/{file}").read_bytes())) == set()
    for log in house.logs():
        assert needles.found_in(padded(log.read_bytes())) == set(), log.name
    print(f"{len(house.planted.needles())} keys, none in {len(found)} processes")
    the_search_finds_what_is_there(house, needles)


def the_search_finds_what_is_there(house: House, needles: Needles) -> None:
    """The control: the same search in the memory of the one process that must hold the keys."""
    assert house.keys.process is not None
    if os.geteuid() != 0:
        pytest.skip("only root may look into the key service: its memory is closed to its own user")
    found = needles.found_in_process(house.keys.process.pid)
    assert found >= set(house.planted.masters().values()) | set(house.planted.issuer_level().values())


def padded(content: bytes) -> bytes:
    """Long enough to be searched."""
    return content + bytes(64)


@pytest.mark.parametrize(
    "spelling", [bytes, lambda key: key.hex().encode(), lambda key: key.hex().upper().encode()]
)
@pytest.mark.parametrize("offset", [0, 1, 100, CHUNK - 7, CHUNK - 1, CHUNK])
def test_the_search_finds_a_key_at_any_place_in_any_spelling(spelling: Any, offset: int) -> None:
    """In a process of the test's own, whose memory holds this key and not the other."""
    key, other = os.urandom(16), os.urandom(16)
    code = (
        "import sys; key = bytes.fromhex(sys.stdin.readline());"
        f"held = bytearray(key.join([bytes({offset}), bytes({CHUNK})])); del key;"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(spelling(key).hex().encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        found = Needles({key: "key", other: "other"}).found_in_process(process.pid)
        process.communicate(b"")
    assert found == {"key"}
