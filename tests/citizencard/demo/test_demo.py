"""The demo is run as its user runs it: as a process, with everything real, twice."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
MANAGE = str(PROJECT / "manage.py")
WAIT_SECONDS = 420
EVERY_TAP = re.compile("every tap accounted for.*: 25 of 25")

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("city") / "state"


@pytest.fixture(scope="module")
def environment(state: Path) -> dict[str, str]:
    own = {"CITIZENCARD_STATE": str(state), "PYTHONUNBUFFERED": "1"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "KEY_SERVICE_SOCKET")
    }
    kept.pop("CELERY_BROKER_URL", None)
    return kept | own


@pytest.fixture(scope="module")
def port() -> int:
    """A port whose neighbour is free too: the sandbox gateway listens there."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            found: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", found + 1))
            except OSError:
                continue
            return found
    raise AssertionError("no free pair of ports")


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, MANAGE, *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )


def left_behind(state: Path) -> list[str]:
    """Command lines of processes that still belong to the city."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(state).encode() in words and int(entry.name) != os.getpid():
            lines.append((entry / "cmdline").read_text().replace("\0", " "))
    return lines


@pytest.fixture(scope="class")
def serving(environment: dict[str, str], port: int, state: Path) -> Iterator[str]:
    """The first day: played, then serving until Ctrl-C. Yields what it printed until then."""
    command = [sys.executable, MANAGE, "demo", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl-C stops" in line:
                break
        yield printed
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, process.stdout.read()
    assert left_behind(state) == []


class TestFirstDay:
    def test_accounts_for_every_tap_and_serves(self, serving: str, port: int) -> None:
        assert EVERY_TAP.search(serving), serving
        assert "22 accepted 接受, 1 suspended 挂账, 1 duplicate 重复, 1 rejected 拒绝" in serving
        assert "trial balance 试算差额: 0.00" in serving
        assert re.search(r"08:32 │ bus-k1-001 .*1\.50", serving), serving
        assert re.search(r"13:40 │ shop-01 .*挂失", serving), serving
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert page.status == 200
            assert "市民卡" in page.read().decode()

    @pytest.mark.parametrize(
        ("what", "number", "amount"),
        [
            ("联机账户", 9, "397.20"),
            ("已预留", 1, "30.00"),
            ("待圈存", 2, "21.00"),
            ("在用的月票", 1, "86.40"),
            ("自动充值", 1, "50.00"),
            ("已发放补贴", 1, "200.00"),
            ("待审核补贴", 1, "100.00"),
            ("退卡退款中", 1, "150.00"),
        ],
    )
    def test_people_have_stored_value(self, serving: str, what: str, number: int, amount: str) -> None:
        assert re.search(rf"{what}\D*\b{number} │ +{re.escape(amount)} ", serving), serving

    def test_a_second_one_on_the_same_city_is_refused_in_one_sentence(
        self, serving: str, environment: dict[str, str], port: int
    ) -> None:
        refused = run(environment, "demo", "--no-serve", "--port", str(port + 4))
        assert refused.returncode == 1
        assert "already running" in refused.stderr
        assert "Traceback" not in refused.stderr


class TestNextDay:
    def test_the_next_start_plays_the_next_day(self, environment: dict[str, str], port: int) -> None:
        again = run(environment, "demo", "--no-serve", "--port", str(port))
        assert again.returncode == 0, again.stdout + again.stderr
        assert EVERY_TAP.search(again.stdout)

    @pytest.mark.parametrize("moment", ["cards personalised", "one card is reported lost"])
    def test_a_day_that_was_killed_is_taken_up_again(
        self, environment: dict[str, str], port: int, state: Path, moment: str
    ) -> None:
        command = [sys.executable, MANAGE, "demo", "--no-serve", "--port", str(port)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert any(moment in line for line in process.stdout)
            process.kill()
        deadline = time.monotonic() + 20
        while left_behind(state) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left_behind(state) == []
        again = run(environment, "demo", "--no-serve", "--port", str(port))
        assert again.returncode == 0, again.stdout + again.stderr
        assert "audit 核对: 0 invariants broken" in again.stdout
        figures = re.search(r"every tap accounted for.*: (\d+) of (\d+)", again.stdout)
        assert figures is not None
        assert figures[1] == figures[2]

    def test_the_books_are_clean_with_nothing_running(self, environment: dict[str, str], state: Path) -> None:
        audit = run(environment, "audit_ledger", "--json")
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert '"clean": true' in audit.stdout
        assert left_behind(state) == []

    def test_a_port_in_use_is_one_sentence(self, environment: dict[str, str], port: int) -> None:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            refused = run(environment, "demo", "--no-serve", "--port", str(port))
        assert refused.returncode == 1
        assert f"Port {port} is in use" in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_fresh_starts_over(self, environment: dict[str, str], port: int) -> None:
        fresh = run(environment, "demo", "--no-serve", "--fresh", "--port", str(port))
        assert fresh.returncode == 0, fresh.stdout + fresh.stderr
        assert "3104397000000000001" in fresh.stdout
