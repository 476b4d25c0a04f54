"""The program as it runs: cards come and go, the centre is a real address, and it ends at a word."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from terminals.card.errors import ReaderUnavailable
from terminals.card.transport import Transport
from terminals.program import loop, wiring
from terminals.program.cli import EXAMPLE
from terminals.program.config import read_settings
from terminals.program.errors import ConfigError, JournalError
from terminals.program.loop import Program
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.store import DirectoryStore
from tests.terminals import cards
from tests.terminals.fares.shelf import PUBLISHED
from tests.terminals.program.centre import FakeCentre, over_http
from tests.terminals.program.posts import STUDENT, chip
from tests.terminals.program.publishing import Publishes, publishing
from tests.terminals.wire.test_lists import CENTRE

ROOT = Path(__file__).parents[3]


def now() -> datetime:
    return datetime.now(UTC)


def write_key(file: Path) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key)


class Queue:
    """Cards that people hold to the reader, or the reader failing; what follows is done before the next one."""

    def __init__(self, *steps: Chip | Exception | Callable[[], Any]) -> None:
        self.steps = list(steps)
        self.cancelled = False

    def __iter__(self) -> Iterator[Callable[[], Transport]]:
        while self.steps and not self.cancelled:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Chip):
                yield partial(MemoryTransport, step)
            else:
                step()

    def cancel(self) -> None:
        self.cancelled = True


class Device:
    """A configuration in a folder, with a simulated SAM and a key."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.stream = folder, io.StringIO()
        write_key(folder / "key.pem")
        cards.issued_psam(DirectoryStore(folder / "sam"))
        text = EXAMPLE.replace("http://127.0.0.1:8000", url).replace(
            '[sam]\nreader = "00 01"', '[sam]\nfolder = "sam"'
        )
        text = text.replace('line = "K1"', 'line = "1"')
        text = re.sub('centre_key = "[0-9a-f]+"', f'centre_key = "{CENTRE.public_key.hex()}"', text)
        self.file = folder / "terminal.toml"
        self.file.write_text(f"{text}\n[every]\nheartbeat = 1\nlists = 1\nclock = 1\nevents = 1\n")

    @contextmanager
    def program(self, *steps: Chip | Exception | Callable[[], Any]) -> Iterator[Program]:
        with wiring.program_of(
            read_settings(self.file), stream=self.stream, as_json=True, cards=Queue(*steps)
        ) as made:
            yield made

    def shown(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def outcomes(self) -> list[str]:
        return [line["reason"]["code"] for line in self.shown() if "reason" in line]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeCentre, Publishes, str]]:
    monkeypatch.setattr(loop, "STEP_S", 0.01)
    monkeypatch.setattr(loop, "AGAIN_S", 0.01)
    centre, news = publishing(now)
    with over_http(centre) as url:
        yield centre, news, url


def until(happened: Callable[[], Any], seconds: float = 10) -> Callable[[], None]:
    def wait() -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.01)

    return wait


def test_a_bus_goes_out_serves_loses_the_line_and_brings_everything_home(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    centre, news, url = published
    device, card = Device(tmp_path, url), chip(STUDENT)
    with device.program() as program:
        terminal = program.terminal
        program.cards = Queue(
            card,
            card,
            until(lambda: terminal.drift),
            chip(number=2),
            until(lambda: len(centre.taps) == 2),
            lambda: program.keypad.type("out printer"),
            card,
            lambda: program.keypad.type("in"),
            until(lambda: len(centre.events) == 3),
            ReaderUnavailable("the reader was unplugged"),
            until(lambda: news.heartbeats),
        )
        program.run()
    assert device.outcomes() == ["accepted", "retap", "accepted", "free_ride"]
    assert card.state.balance_fen == 5_000 - 150
    assert [event["kind"] for event in centre.events.values()] == [
        "out_of_service",
        "free_ride",
        "in_service",
    ]
    assert {record.trip for record in centre.taps.values()} == {"@1"}
    assert any("unplugged" in line.get("message", "") for line in device.shown())
    centre.mood = lambda: "down"
    with device.program(chip(number=5)) as program:
        program.run()
        assert program.terminal.memory.state.unsent == 1
    assert device.outcomes()[-1] == "accepted"


def test_a_journal_is_one_programs_and_one_sams(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    centre, _, url = published
    device = Device(tmp_path, url)
    with device.program() as program:
        program.cards = Queue(until(lambda: program.terminal.orders.tariff), chip())
        program.run()
        with pytest.raises(JournalError, match="in use by another program"), device.program():
            pass
    centre.mood = lambda: "down"
    with device.program(chip(number=2)) as program:
        program.run()
    (tmp_path / "sam").rename(tmp_path / "old-sam")
    cards.issued_psam(DirectoryStore(tmp_path / "sam"), terminal_no=bytes(5) + b"\x77")
    with pytest.raises(JournalError, match="put the old SAM back"), device.program():
        pass


def test_another_sam_is_taken_when_nothing_waits_and_told(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    centre, _, url = published
    device = Device(tmp_path, url)
    with device.program(until(lambda: True)) as program:
        program.run()
    cards.issued_psam(DirectoryStore(tmp_path / "other"), terminal_no=bytes(5) + b"\x77")
    device.file.write_text(device.file.read_text().replace('folder = "sam"', 'folder = "other"'))
    with device.program(until(lambda: centre.events)) as program:
        program.run()
    assert [event["kind"] for event in centre.events.values()] == ["sam"]


def test_what_is_typed_holds_for_the_next_card_alone(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    centre, news, url = published
    news.put(
        "tariffs",
        {"documents": PUBLISHED, "tariff": "shop"},
    )
    device, card = Device(tmp_path, url), chip()
    device.file.write_text(device.file.read_text().replace('mode = "bus"', 'mode = "shop"'))
    with device.program() as program:
        program.cards = Queue(
            until(lambda: program.terminal.orders.tariff),
            lambda: program.keypad.type("amount 12.5"),
            card,
            lambda: program.keypad.type("amount 1"),
            lambda: program.keypad.type("again"),
            card,
            chip(number=3),
            *(lambda words=words: program.keypad.type(words) for words in (
                "amount x", "amount", "meter 1 2", "meter a b c", "cancel x", "sing", "status", "refund 1 0.50",
            )),
        )  # fmt: skip
        program.run()
    assert device.outcomes() == ["accepted", "accepted", "no_fare", "refunded"]
    assert card.state.balance_fen == 5_000 - 1_250 - 100
    (taken_back,) = centre.taken_back
    assert taken_back[0] == "/refunds"
    assert taken_back[1]["amount_fen"] == 50
    status = next(line for line in device.shown() if "in_service" in line)
    assert (status["in_service"], status["free_rides"], status["clock"] in ("right", "unknown")) == (
        True,
        0,
        True,
    )


def test_a_sam_that_failed_is_connected_anew(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    _, _, url = published
    device, card = Device(tmp_path, url), chip()
    with device.program() as program:
        sams = program.connect_sam.__self__  # type: ignore[attr-defined]
        program.cards = Queue(until(lambda: program.terminal.orders.tariff), sams.close, card, card)
        program.run()
    assert device.outcomes() == ["terminal_fault", "accepted"]


def test_a_word_ends_the_program_as_it_is(
    published: tuple[FakeCentre, Publishes, str], tmp_path: Path
) -> None:
    _, _, url = published
    device = Device(tmp_path, url)
    command = [sys.executable, "-m", "terminals.program", "--config", str(device.file)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert "waits for cards" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with device.program() as program:
        assert program.terminal.memory.state.unsent == 0


def test_a_simulated_sam_that_is_none_is_told_by_its_field(tmp_path: Path) -> None:
    device = Device(tmp_path, "http://127.0.0.1:9")
    device.file.write_text(device.file.read_text().replace('folder = "sam"', 'folder = "nowhere"'))
    with pytest.raises(ConfigError, match=r"sam\.folder"), device.program():
        pass


def test_seconds_of_the_tests_are_not_the_programs() -> None:
    assert (loop.STEP_S, loop.AGAIN_S) == (1.0, 2.0)
    assert timedelta(seconds=loop.FAREWELL_S) < timedelta(seconds=10)
