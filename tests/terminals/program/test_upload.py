"""Store and forward: whatever line and centre do, every purchase arrives, and arrives once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from terminals.card.crypto import CHINA
from terminals.program import upload as module
from terminals.program.memory import Memory
from terminals.program.terminal import Terminal
from terminals.program.upload import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, REFUSED_PAUSE, Uploader
from terminals.readers.memory import MemoryTransport
from terminals.wire.grey import NO_TAC
from tests.terminals import cards
from tests.terminals.program.centre import FakeCentre, moody
from tests.terminals.program.fares import orders_of
from tests.terminals.program.test_memory import NOON, pay, tap

FLAT = orders_of("flat", fare_fen=2)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    memory = Memory.open(tmp_path)
    yield memory
    memory.close()


def uploader(memory: Memory, centre: FakeCentre) -> Uploader:
    return Uploader(memory, centre.client(), threading.RLock(), random.Random(1))


def test_a_batch_is_capped_and_sent_once(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_RECORDS", 4)
    centre = FakeCentre()
    for sequence in range(10):
        pay(memory, tap(sequence))
    sender = uploader(memory, centre)
    later = NOON + timedelta(minutes=1)
    assert [sender.step(later) for _ in range(4)] == [True, True, True, False]
    assert [len(body.splitlines()) - 1 for body in centre.bodies.values()] == [4, 4, 2]
    assert centre.requests == 3


def test_pauses_double_up_to_a_limit_and_are_drawn_at_random(memory: Memory) -> None:
    centre = FakeCentre(lambda: "down")
    pay(memory, tap(1))
    sender, now = uploader(memory, centre), NOON + timedelta(minutes=1)
    pauses = []
    for _ in range(12):
        assert not sender.step(now)
        assert sender.not_before is not None
        pauses.append(sender.not_before - now)
        assert not sender.step(sender.not_before - timedelta(seconds=1))
        now = sender.not_before
    assert centre.requests == 12
    for number, pause in enumerate(pauses):
        whole = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
        assert whole / 2 <= pause <= whole
    assert len(set(pauses)) == 12
    centre.mood = lambda: "ok"
    assert sender.step(now)
    assert (sender.failures, sender.not_before) == (0, None)


@pytest.mark.parametrize("trouble", ["lost", "down", "busy", "refuse"])
def test_a_batch_broken_off_comes_again_with_the_same_bytes(memory: Memory, trouble: str) -> None:
    centre = FakeCentre(lambda: trouble)
    sender = uploader(memory, centre)
    pay(memory, tap(1))
    assert not sender.step(NOON + timedelta(minutes=1))
    pay(memory, tap(2))
    centre.mood = lambda: "ok"
    later = NOON + timedelta(days=2)
    assert [sender.step(later) for _ in range(3)] == [True, True, False]
    first, again, second = centre.received
    assert first == again != second
    assert set(centre.seen.values()) == {1}
    assert len(centre.taps) == 2


def test_a_batch_refused_for_good_holds_nothing_up_and_is_asked_about_again(memory: Memory) -> None:
    centre = FakeCentre()
    pay(memory, tap(1))
    centre.bodies["20260302-1-1"] = b"somebody else's"
    sender, now = uploader(memory, centre), NOON + timedelta(minutes=1)
    assert not sender.step(now)
    pay(memory, tap(2))
    assert sender.step(now + timedelta(minutes=1))
    assert [record.terminal_seq for record in centre.taps.values()] == [2]
    requests = centre.requests
    assert not sender.step(now + REFUSED_PAUSE - timedelta(minutes=1))
    assert centre.requests == requests
    del centre.bodies["20260302-1-1"]
    assert sender.step(now + REFUSED_PAUSE)
    assert len(centre.taps) == 2


def test_it_gives_way_to_taps_but_not_for_ever(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_RECORDS", 1)
    centre = FakeCentre()
    sender = uploader(memory, centre)
    pay(memory, tap(1, NOON))
    assert sender.step(NOON + timedelta(seconds=3))
    sequence, now = 1, NOON
    while now < NOON + 2 * PATIENCE + timedelta(seconds=10):
        now += timedelta(seconds=1)
        sequence += 1
        pay(memory, tap(sequence, now))
        sender.step(now)
    assert len(centre.taps) == 3
    assert sender.step(now + timedelta(seconds=3))


def test_a_purchase_without_proof_is_reported_as_such(memory: Memory) -> None:
    centre = FakeCentre(lambda: "lost")
    sender = uploader(memory, centre)
    memory.intend(replace(tap(1), tac=NO_TAC))
    memory.mark_missing(NOON + timedelta(hours=1))
    assert not sender.step(NOON + timedelta(hours=1))
    centre.mood = lambda: "ok"
    assert sender.step(NOON + timedelta(hours=2))
    assert not sender.step(NOON + timedelta(hours=2))
    assert [(grey.cause, grey.record.terminal_seq) for grey in centre.greys] == [("no_answer", 1)] * 2


@pytest.mark.slow
def test_seven_days_without_the_centre_and_then_a_bad_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """7,000 purchases by real chips and SAM; a power cut each night. Nothing is lost, nothing comes twice."""
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)
    chips = [cards.issued_chip(cards.card_spec(f"31058837{n:011}", 1_000_000)) for n in range(8)]
    sam = cards.issued_psam()
    centre = FakeCentre(lambda: "down")
    start = datetime(2026, 3, 2, 5, 0, tzinfo=CHINA)
    paid = []
    for day in range(7):
        memory = Memory.open(tmp_path)
        terminal = Terminal(sam=MemoryTransport(sam), memory=memory, orders=FLAT, client=centre.client())
        for number in range(1_000):
            when = start + timedelta(days=day, seconds=60 * number)
            chip = chips[number % len(chips)]
            result = terminal.tap(MemoryTransport(chip), when=when)
            assert result.record is not None
            paid.append(result.record)
            if not number % 50 and terminal.uploader:
                assert not terminal.uploader.step(when + timedelta(seconds=5))
        memory.close()
    centre.mood = moody(7, 0.4)
    memory = Memory.open(tmp_path)
    terminal = Terminal(sam=MemoryTransport(sam), memory=memory, orders=FLAT, client=centre.client())
    now, sender = start + timedelta(days=7), terminal.uploader
    assert sender is not None
    while memory.state.waiting or memory.state.batches:
        now += timedelta(minutes=1)
        sender.step(now)
        if now.minute == 30:
            memory.close()
            memory = Memory.open(tmp_path)
            sender = Uploader(memory, centre.client(), threading.RLock(), random.Random(2))
    assert [centre.taps[record.terminal_no, record.terminal_seq] for record in paid] == paid
    assert set(centre.seen.values()) == {1}
    assert len(centre.taps) == 7_000
    assert now < start + timedelta(days=8)
    memory.tidy(now + timedelta(days=60))
    assert len(list((tmp_path / "journal").glob("*.journal"))) == 1
    memory.close()
