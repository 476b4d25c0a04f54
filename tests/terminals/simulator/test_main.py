"""`python -m terminals.simulator`, as a person starts it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import DirectoryStore
from tests.terminals.cards import issued_chip, issued_psam
from tests.terminals.simulator.test_tcp import Line
from tests.terminals.simulator.test_vpcd import Driver

SECONDS = 20


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "terminals.simulator", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def driver() -> Driver:
    driver = Driver()
    driver.listener.settimeout(SECONDS)
    return driver


def test_it_plugs_the_card_in_until_it_is_told_to_stop(tmp_path: Path, driver: Driver) -> None:
    issued_chip(store=DirectoryStore(tmp_path))
    with start("--card", str(tmp_path), "--port", str(driver.port)) as program:
        driver.accept()
        driver.send("04", "00B0850008")
        assert driver.receive() == Chip.ATR
        assert driver.receive() == b"CHIP0001\x90\x00"
        program.send_signal(signal.SIGTERM)
        assert program.wait(SECONDS) == 0
    driver.close()


def test_it_offers_card_and_sam_on_tcp(tmp_path: Path) -> None:
    issued_chip(store=DirectoryStore(tmp_path / "card"))
    issued_psam(DirectoryStore(tmp_path / "sam"))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    chips = ("--card", str(tmp_path / "card"), "--sam", str(tmp_path / "sam"))
    with start(*chips, "--tcp", str(port)) as program:
        wait_for(port + 1)
        assert Line(port).ask(b"\x04") == Chip.ATR
        assert Line(port + 1).ask(b"\x04") == Psam.ATR
        program.send_signal(signal.SIGINT)
        assert program.wait(SECONDS) == 0


def wait_for(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "name a --card or a --sam directory"), (["--card", "EMPTY"], "no chip there")],
)
def test_it_says_what_is_missing(tmp_path: Path, arguments: list[str], said: str) -> None:
    named = [str(tmp_path) if argument == "EMPTY" else argument for argument in arguments]
    with start(*named) as program:
        assert said in program.communicate(timeout=SECONDS)[1]
        assert program.returncode == 2
