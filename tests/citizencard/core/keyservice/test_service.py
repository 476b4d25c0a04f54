"""The process itself: start, stop, crash, strangers on the socket, what it gives away and what not."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.protocol import MAX_FRAME, Opcode
from tests.fixtures_core import DEMO_KEYS, PROJECT, KeyServiceProcess

PLACE = "t|c|1"


def talk(path: Path, sent: bytes) -> bytes:
    """Send raw bytes, end the sending side and read everything that comes back."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        # A peer that hangs up with bytes unread resets the connection, after its answer.
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
        return received


def test_starts_fast_and_only_for_its_owner(own_service: KeyServiceProcess) -> None:
    seconds = []
    for _ in range(3):
        own_service.stop()
        seconds.append(own_service.start())
    assert min(seconds) < 1
    assert stat.S_IMODE(own_service.socket_path.stat().st_mode) == 0o600


def test_status_names_every_key_by_check_value(own_service: KeyServiceProcess, demo_keys: KeyStore) -> None:
    status = KeyServiceClient(own_service.socket_path).status()
    assert (status.state, status.demo) == ("open", True)
    assert {(key.usage, key.version) for key in status.keys} == set(demo_keys.masters)
    tac = next(key for key in status.keys if (key.usage, key.version) == (Usage.TAC, 1))
    assert tac.kcv == "269296"


def test_terminates_cleanly(own_service: KeyServiceProcess) -> None:
    assert own_service.stop() == 0
    assert not own_service.socket_path.exists()


def test_client_reconnects_after_a_crash(own_service: KeyServiceProcess) -> None:
    client = KeyServiceClient(own_service.socket_path)
    sealed = client.seal_fields([(PLACE, "张明")])
    own_service.kill()
    began = time.monotonic()
    with pytest.raises(KeyServiceUnavailable):
        client.open_fields([(PLACE, sealed[0])])
    assert time.monotonic() - began < 1, "an absent service is told at once"
    own_service.start()
    assert client.open_fields([(PLACE, sealed[0])]) == ["张明"]


def test_client_does_not_notice_a_restart_between_two_calls(own_service: KeyServiceProcess) -> None:
    client = KeyServiceClient(own_service.socket_path)
    client.status()
    own_service.kill()
    own_service.start()
    assert client.status().state == "open"


def test_absent_service(folder: Path) -> None:
    with pytest.raises(KeyServiceUnavailable):
        KeyServiceClient(folder / "nobody.sock").status()


def test_silent_service_is_not_waited_for_for_ever(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(folder / "deaf.sock"))
        deaf.listen()
        client = KeyServiceClient(folder / "deaf.sock", timeout_s=0.2)
        began = time.monotonic()
        with pytest.raises(KeyServiceUnavailable):
            client.status()
        assert time.monotonic() - began < 2


def test_sealed_service_tells_its_state_and_nothing_else(folder: Path) -> None:
    service = KeyServiceProcess(folder / "sealed.sock")
    service.start()
    try:
        client = KeyServiceClient(service.socket_path)
        assert client.status().state == "sealed"
        assert client.status().keys == ()
        with pytest.raises(KeyServiceUnavailable) as caught:
            client.seal_fields([(PLACE, "x")])
        assert caught.value.data["reason"] == "sealed"
        with pytest.raises(KeyServiceUnavailable):
            client.verify_purchase_tacs(bytes(35))
    finally:
        service.kill()


def start_fails(path: Path, *words: str, environment: str = "demo") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "citizencard.core.keyservice", "--socket", str(path), *words],
        cwd=PROJECT,
        env=os.environ | {"CITIZENCARD_ENV": environment},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 2
    return done.stderr


def test_demo_keys_are_refused_in_production(folder: Path) -> None:
    told = start_fails(folder / "s", "--demo-keys", str(DEMO_KEYS), environment="production")
    assert "refused when CITIZENCARD_ENV is production" in told


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        ('"demo": true', '"demo": false', "not marked"),
        ('"kcv": "269296"', '"kcv": "269297"', "TAC version 1: key check value does not match"),
        ("FB2EDF4B", "FB2EDF4C", "TAC version 1: key check value does not match"),
        ("FB2EDF4B", "", "TAC version 1: wrong length"),
        ('"TAC", "version": 2', '"TAC", "version": 1', "key check value|twice"),
        ('"issuer_factor": "C1', '"issuer_factor": "', "8 bytes"),
        ('"usage": "LOAD"', '"usage": "GIFT"', "cannot be read"),
        ('"keys": \\[', '"keys": 5, "x": [', "cannot be read"),
    ],
)
def test_a_doubtful_key_file_is_refused_without_showing_keys(
    folder: Path, pattern: str, replacement: str, told: str
) -> None:
    content, count = re.subn(pattern, replacement, DEMO_KEYS.read_text())
    assert count
    (folder / "keys.json").write_text(content)
    answer = start_fails(folder / "s", "--demo-keys", str(folder / "keys.json"))
    assert re.search(told, answer)
    assert not re.search("[0-9A-F]{32}", answer)


def test_a_second_service_does_not_take_the_socket(own_service: KeyServiceProcess) -> None:
    told = start_fails(own_service.socket_path, "--demo-keys", str(DEMO_KEYS))
    assert "another key service already answers" in told
    assert KeyServiceClient(own_service.socket_path).status().state == "open"


def test_socket_paths_that_cannot_be(folder: Path) -> None:
    assert "longer than 107 bytes" in start_fails(folder / ("x" * 120))
    assert "cannot listen" in start_fails(folder / "missing" / "s")
    (folder / "file").touch()
    assert "not a socket" in start_fails(folder / "file")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x00\x00\x00",
        (MAX_FRAME + 1).to_bytes(4) + b"x",
        b"\x00\x00\x00\x01\xee",
        b"\x00\x00\x00\x03" + bytes([Opcode.AUTHORISE_LOAD]) + b"{}",
        b"\x00\x00\x00\x03" + bytes([Opcode.AUTHORISE_LOAD]) + b"[]",
        b"\x00\x00\x00\x02" + bytes([Opcode.AUTHORISE_LOAD]) + b"\xff",
        b"\x00\x00\x00\x03" + bytes([Opcode.SEAL]) + b"\x00\x00",
        b"\x00\x00\x00\x06" + bytes([Opcode.SEAL]) + b"\x00\x00\x00\x01a",
        b"\x00\x00\x00\x06" + bytes([Opcode.OPEN]) + b"\x00\x00\x00\x09a",
        b"\x00\x00\x00\x01" + bytes([Opcode.BLIND_INDEX]),
        b"\x00\x00\x00\x01" + bytes([Opcode.PUBLIC_KEY]),
        b"\x00\x00\x00\x0a" + bytes([Opcode.PUBLIC_KEY]) + b"\x00\x00\x00\x01\xff\x00\x00\x00\x00",
    ],
)
def test_malformed_requests_get_a_typed_answer(own_service: KeyServiceProcess, sent: bytes) -> None:
    answer = talk(own_service.socket_path, sent)
    assert answer[4] == 1
    assert re.search(rb'"code":"(bad_request|too_large)"', answer)
    assert KeyServiceClient(own_service.socket_path).status().state == "open"


@pytest.mark.parametrize("sent", [b"", b"\x00\x00", b"\x00\x00\x00\x09\x10abc"])
def test_peers_that_leave_in_the_middle_do_no_harm(own_service: KeyServiceProcess, sent: bytes) -> None:
    assert talk(own_service.socket_path, sent) == b""
    assert KeyServiceClient(own_service.socket_path).status().state == "open"


def test_threads_share_a_client(own_service: KeyServiceProcess) -> None:
    client = KeyServiceClient(own_service.socket_path)

    def work(number: int) -> bool:
        sealed = client.seal_fields([(f"t|c|{number}", str(number))])[0]
        return client.open_fields([(f"t|c|{number}", sealed)]) == [str(number)]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(work, range(600)))


def test_a_forked_child_gets_its_own_connection(own_service: KeyServiceProcess) -> None:
    client = KeyServiceClient(own_service.socket_path)
    client.status()
    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not come back into the test run as a second one.
        try:
            os._exit(0 if all(client.blind_index("t.c", ["child"]) for _ in range(200)) else 1)
        finally:
            os._exit(2)
    here = {client.blind_index("t.c", ["parent"])[0] for _ in range(200)}
    assert os.waitpid(child, 0)[1] == 0
    assert here == {KeyServiceClient(own_service.socket_path).blind_index("t.c", ["parent"])[0]}


def becomes(client: KeyServiceClient, wanted: str) -> bool:
    """Whether the service comes to answer a new connection as wanted within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        client.close()
        try:
            state = client.status().state
        except KeyServiceUnavailable as error:
            state = error.data["reason"]
        if state == wanted:
            return True
        time.sleep(0.01)
    return False


def test_too_many_connections_are_turned_away(own_service: KeyServiceProcess) -> None:
    client = KeyServiceClient(own_service.socket_path)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(256)]
    for connection in crowd:
        connection.connect(str(own_service.socket_path))
    assert becomes(client, "busy")
    for connection in crowd:
        connection.close()
    assert becomes(client, "open")


def test_server_side_needs_no_django() -> None:
    code = (
        "import sys, citizencard.core.keyservice.__main__;"
        "print([m for m in ('django', 'celery', 'psycopg') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


_CLIENT = """
import sys, django
from django.conf import settings
settings.configure(KEY_SERVICE_SOCKET=sys.argv[1], KEY_SERVICE_ROLE="web")
from citizencard.core.keyservice.client import key_service
from terminals.card.keys import KeySlot
client = key_service("counter")
client.status()
client.verify_purchase_tacs(bytes(35 * 100))
client.write_key_command(chip_serial8=bytes(8), slot=KeySlot.LOAD, version=1, card_serial8=bytes(8), challenge=bytes(8))
client.seal_fields([("t|c|1", "x")])
client.blind_index("t.c", ["x"])
planted = bytes.fromhex(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""


def _memory_of(pid: int) -> bytes:
    pieces = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, mode = line.split()[:2]
            low, high = (int(edge, 16) for edge in span.split("-"))
            if mode.startswith("rw") and low < 1 << 47:
                memory.seek(low)
                pieces.append(memory.read(high - low))
    return b"|".join(pieces)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_client_process_never_holds_a_key(own_service: KeyServiceProcess, demo_keys: KeyStore) -> None:
    """A client that used every kind of key is searched for all masters; a planted one shows the search works."""
    planted = bytes(range(0x60, 0x70))
    command = [sys.executable, "-c", _CLIENT, str(own_service.socket_path), planted.hex()]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        memory = _memory_of(client.pid)
        client.communicate(b"")
    assert planted in memory
    found = [f"{usage} {version}" for (usage, version), key in demo_keys.masters.items() if key in memory]
    assert found == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_service_leaves_no_core_and_its_log_no_keys(
    own_service: KeyServiceProcess, demo_keys: KeyStore
) -> None:
    assert own_service.process is not None
    limits = Path(f"/proc/{own_service.process.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits)
    assert Path(f"/proc/{own_service.process.pid}/maps").stat().st_uid == 0, (
        "not dumpable: root's, not the user's"
    )
    client = KeyServiceClient(own_service.socket_path)
    with pytest.raises(KeyServiceError):
        client.open_fields([("t|c|canary-place", b"canary-value" * 5)])
    log = own_service.log_path.read_text()
    assert "refused: envelope_invalid" in log
    assert "canary" not in log
    assert not any(key.hex() in log.lower() for key in demo_keys.masters.values())


def test_concurrent_bulk_and_single_calls(own_service: KeyServiceProcess) -> None:
    """A tap at a shop is answered while a depot's batch is being checked."""
    client = KeyServiceClient(own_service.socket_path)
    stop = threading.Event()

    def depot() -> None:
        while not stop.is_set():
            client.verify_purchase_tacs(bytes(35) * 29_000)

    thread = threading.Thread(target=depot)
    thread.start()
    try:
        waits = []
        for _ in range(30):
            began = time.monotonic()
            client.verify_purchase_tacs(bytes(35))
            waits.append(time.monotonic() - began)
    finally:
        stop.set()
        thread.join()
    assert sorted(waits)[15] < 0.1
