"""The memory promises: no purchase is lost or sent as another, whatever the order of things, restarts and full disks."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from terminals.program import journal as journal_module
from terminals.program.memory import Memory
from terminals.wire.grey import NO_TAC, GreyRecord
from terminals.wire.record import TapRecord

NOON = datetime.fromisoformat("2026-03-02T12:00:00+08:00")
CARDS = [f"310439700000000000{number}" for number in range(3)]


def tap(sequence: int, when: datetime = NOON, card: str = CARDS[0]) -> TapRecord:
    return TapRecord("397000000101", sequence, card, sequence % 65536, 6, 200, 800, when, "A1B2C3D4", 1)


def pay(memory: Memory, record: TapRecord) -> None:
    memory.intend(replace(record, tac=NO_TAC))
    memory.finish(record)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "ENTRY_BYTES", 700)


class MemoryMachine(RuleBasedStateMachine):
    """Against a model that remembers everything: what waits, in which batch, and what was judged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="citizencard-memory-"))
        journal_module.ENTRY_BYTES = 700  # type: ignore[misc]  # put back in teardown
        self.memory = self.opened()
        self.sequence = 0
        self.clock = NOON
        self.waiting: dict[int, TapRecord] = {}
        self.open: dict[int, TapRecord] = {}
        self.greys: dict[int, str] = {}
        self.batches: dict[str, list[TapRecord]] = {}
        self.spent: Counter[str] = Counter()

    def opened(self) -> Memory:
        return Memory.open(self.folder, segment_bytes=6_000)

    def teardown(self) -> None:
        self.memory.close()
        shutil.rmtree(self.folder)
        journal_module.ENTRY_BYTES = 16 << 10  # type: ignore[misc]

    def intend(self, card: str) -> TapRecord:
        self.sequence += 1
        self.clock += timedelta(seconds=1)
        record = tap(self.sequence, self.clock, card)
        self.memory.intend(replace(record, tac=NO_TAC))
        self.open[record.terminal_seq] = record
        return record

    def finished(self, record: TapRecord) -> None:
        self.memory.finish(record)
        del self.open[record.terminal_seq]
        self.greys.pop(record.terminal_seq, None)
        self.waiting[record.terminal_seq] = record
        self.spent[record.card_no] += 1

    @rule(card=st.sampled_from(CARDS), times=st.integers(1, 8))
    def pays(self, card: str, times: int) -> None:
        for _ in range(times):
            self.finished(self.intend(card))

    @rule(card=st.sampled_from(CARDS))
    def tears(self, card: str) -> None:
        self.intend(card)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), end=st.sampled_from(["tap", "void", "logged"]))
    def comes_back(self, data: st.DataObject, end: str) -> None:
        record = self.open[data.draw(st.sampled_from(sorted(self.open)))]
        suspect = record.terminal_seq in self.memory.state.suspects
        if end == "tap":
            self.finished(record)
            return
        if end == "void":
            self.memory.drop(record.terminal_seq)
            if suspect:
                self.greys[record.terminal_seq] = "not_paid"
        else:
            self.memory.mark_grey(GreyRecord(replace(record, tac=NO_TAC), "logged"))
            self.greys[record.terminal_seq] = "logged"
        del self.open[record.terminal_seq]

    @rule()
    def waits_in_vain(self) -> None:
        for sequence in self.open.keys() - self.memory.state.suspects:
            self.greys[sequence] = "no_answer"
        self.memory.mark_missing(self.clock + timedelta(seconds=1))

    @rule()
    def tells(self) -> None:
        greys = list(self.memory.state.greys.values())[:2]
        self.memory.mark_told(greys)
        for grey in greys:
            del self.greys[grey.record.terminal_seq]

    @rule(card=st.sampled_from(CARDS))
    def pays_with_a_false_card(self, card: str) -> None:
        record = self.intend(card)
        self.memory.finish(record)
        self.memory.mark_grey(GreyRecord(record, "mac2"))
        del self.open[record.terminal_seq]
        self.greys[record.terminal_seq] = "mac2"
        assert self.memory.tapped_near(card, record.occurred_at, timedelta(0)) is None

    @rule(card=st.sampled_from(CARDS))
    def pays_online(self, card: str) -> None:
        record = self.intend(card)
        self.finished(record)
        self.memory.mark_reported(record)
        del self.waiting[record.terminal_seq]
        self.spent[card] -= 1

    @rule(limit=st.integers(1, 6))
    def begins_a_batch(self, limit: int) -> None:
        number = self.memory.begin_batch(self.clock, limit)
        chosen = list(self.waiting.values())[:limit]
        assert (number is None) == (not chosen)
        if number:
            records = self.memory.batch_records(number)
            assert records == chosen[: len(records)]
            assert len(records) == len(chosen)
            self.batches[number] = records
            for record in records:
                del self.waiting[record.terminal_seq]

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def centre_judges(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.batches)))
        self.memory.mark_sent(number)
        del self.batches[number]

    @rule(days=st.integers(0, 3))
    def tidies(self, days: int) -> None:
        limit = self.clock + timedelta(days=days - 2)
        suspects = self.memory.state.suspects - self.greys.keys()
        self.memory.tidy(self.clock + timedelta(days=days), keep=timedelta(days=2))
        for sequence in suspects:
            if self.open[sequence].occurred_at < limit:
                del self.open[sequence]

    @rule()
    def power_cut(self) -> None:
        before = self.memory.state
        self.memory.close()
        self.memory = self.opened()
        assert self.memory.state == before

    @invariant()
    def nothing_is_forgotten(self) -> None:
        state = self.memory.state
        assert state.waiting == len(self.waiting)
        assert state.unfinished.keys() == self.open.keys()
        assert {number: grey.cause for number, grey in state.greys.items()} == self.greys
        assert {number: self.memory.batch_records(number) for number in state.batches} == self.batches
        for card in CARDS:
            count = self.spent[card]
            assert self.memory.spent(card, NOON.date()) == (count, count * 200)


MemoryMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMemory = MemoryMachine.TestCase


def test_what_waits_is_kept_and_what_was_judged_goes_after_its_days(small: None, tmp_path: Path) -> None:
    memory = Memory.open(tmp_path, segment_bytes=6_000)
    folder = tmp_path / "journal"
    for sequence in range(100):
        pay(memory, tap(sequence, NOON + timedelta(minutes=sequence)))
    full = len(list(folder.glob("*.journal")))
    assert full > 5
    memory.tidy(NOON + timedelta(days=400))
    assert len(list(folder.glob("*.journal"))) == full
    half = memory.begin_batch(NOON, 50)
    memory.tidy(NOON + timedelta(days=400))
    assert len(list(folder.glob("*.journal"))) == full
    assert half is not None
    memory.mark_sent(half)
    memory.tidy(NOON + timedelta(days=29))
    assert len(list(folder.glob("*.journal"))) == full
    memory.tidy(NOON + timedelta(days=400))
    assert full / 2 - 2 <= len(list(folder.glob("*.journal"))) <= full / 2 + 2
    rest = memory.begin_batch(NOON, 100)
    assert rest is not None
    assert [record.terminal_seq for record in memory.batch_records(rest)] == list(range(50, 100))


def test_on_a_full_disk_nothing_new_begins_and_sending_makes_room(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes five segments."""
    folder = tmp_path / "journal"
    really = os.posix_fallocate

    def allocate(descriptor: int, offset: int, length: int) -> None:
        if len(list(folder.glob("*.journal"))) >= 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        really(descriptor, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    memory = Memory.open(tmp_path, segment_bytes=6_000)
    paid = 0
    with contextlib.suppress(OSError):
        while paid < 1_000:
            memory.intend(replace(tap(paid), tac=NO_TAC))
            memory.finish(tap(paid))
            paid += 1
    assert 20 < paid < 100
    assert not memory.state.unfinished
    with pytest.raises(OSError, match="No space left"):
        memory.intend(replace(tap(paid), tac=NO_TAC))
    sent = []
    while number := memory.begin_batch(NOON, 10):
        sent += [record.terminal_seq for record in memory.batch_records(number)]
        memory.mark_sent(number)
    assert sent == list(range(paid))
    pay(memory, tap(paid))
    memory.close()
    assert Memory.open(tmp_path, segment_bytes=6_000).state.waiting == 1


def test_a_torn_purchase_is_given_up_only_after_it_was_told(tmp_path: Path) -> None:
    memory = Memory.open(tmp_path)
    memory.intend(replace(tap(1), tac=NO_TAC))
    memory.mark_missing(NOON)
    assert not memory.state.greys
    memory.mark_missing(NOON + timedelta(seconds=1))
    memory.tidy(NOON + timedelta(days=100))
    assert memory.unfinished_of(CARDS[0]) is not None
    memory.mark_told(list(memory.state.greys.values()))
    memory.tidy(NOON + timedelta(days=29))
    assert memory.unfinished_of(CARDS[0]) is not None
    memory.tidy(NOON + timedelta(days=100))
    assert memory.unfinished_of(CARDS[0]) is None


def test_a_new_day_begins_new_limits_and_the_guard_looks_some_minutes_back(tmp_path: Path) -> None:
    memory = Memory.open(tmp_path)
    late = NOON.replace(hour=23, minute=59)
    pay(memory, tap(1, late))
    assert memory.spent(CARDS[0], late.date()) == (1, 200)
    guard = timedelta(seconds=30)
    for seconds, found in ((0, True), (30, True), (31, False), (-30, True), (-31, False)):
        near = memory.tapped_near(CARDS[0], late + timedelta(seconds=seconds), guard)
        assert near == (tap(1, late) if found else None)
    pay(memory, tap(2, late + timedelta(minutes=11), CARDS[1]))
    assert memory.tapped_near(CARDS[0], late, guard) is None
    assert memory.spent(CARDS[0], late.date()) == (0, 0)
    assert memory.spent(CARDS[0], late.date() + timedelta(days=1)) == (0, 0)
    assert memory.spent(CARDS[1], late.date() + timedelta(days=1)) == (1, 200)


@pytest.mark.slow
def test_seven_days_of_twenty_thousand_taps_start_at_once_and_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_sync(descriptor: int) -> None:
        """The disk's pace is not in question here."""

    monkeypatch.setattr(os, "fdatasync", no_sync)
    memory = Memory.open(tmp_path)
    for number in range(140_000):
        when = NOON + timedelta(days=number // 20_000, seconds=number % 20_000)
        pay(memory, tap(number, when, f"3104397{number % 5_000:012}"))
    memory.close()
    begun = time.perf_counter()
    memory = Memory.open(tmp_path)
    took = time.perf_counter() - begun
    assert memory.state.waiting == 140_000
    memory.close()
    tracemalloc.start()
    memory = Memory.open(tmp_path)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 5  # the marks are read, not the records
    assert kept < 16 << 20
    total: Counter[Any] = Counter()
    while batch_no := memory.begin_batch(NOON, 2_000):
        total["records"] += len(memory.batch_records(batch_no))
        memory.mark_sent(batch_no)
    assert total["records"] == 140_000
