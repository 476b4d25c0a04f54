"""The daily settle of the terminal program: each day's window is closed once, told until the centre has it, and survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from terminals.program.memory import Memory
from terminals.program.totals import Totals
from terminals.wire.grey import GreyRecord
from terminals.wire.record import TapRecord
from tests.terminals.program.posts import DAY, NOON, City, chip, city
from tests.terminals.program.test_chores import House


def record(seq: int, hours: float = 0, amount_fen: int = 200) -> TapRecord:
    return TapRecord(
        terminal_no="000000000001", terminal_seq=seq, card_no="3104397000000000001", atc=seq, type=6, amount_fen=amount_fen,
        balance_fen=1_000, occurred_at=NOON + timedelta(hours=hours), tac="00000000", key_version=1,
    )  # fmt: skip


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    opened = Memory.open(tmp_path)
    yield opened
    opened.close()


def windows(memory: Memory, now: datetime) -> list[tuple[str, int, int, int, int, list[int]]]:
    return [
        (total["business_date"], total["from_seq"], total["to_seq"], total["records"], total["total_fen"], total["unfinished"])
        for total in memory.settle(now)
    ]  # fmt: skip


def test_a_day_is_closed_when_it_is_over_or_the_next_one_begins(memory: Memory) -> None:
    for seq, hours in ((5, 0), (6, 1), (8, 13)):
        memory.finish(record(seq, hours))
    first = ("2026-03-02", 5, 6, 2, 400, [])
    assert windows(memory, NOON + timedelta(hours=13)) == [first]
    assert windows(memory, NOON + timedelta(hours=36)) == [first, ("2026-03-03", 7, 8, 1, 200, [])]
    memory.mark_total_told(5)
    assert len(windows(memory, NOON + timedelta(days=9))) == 1


def test_what_only_the_card_knows_is_said_and_never_counted_later(memory: Memory) -> None:
    memory.finish(record(5))
    memory.intend(record(6))
    memory.finish(record(7))
    tomorrow = NOON + timedelta(days=1)
    assert windows(memory, tomorrow) == [("2026-03-02", 5, 7, 2, 400, [6])]
    memory.finish(record(6))
    memory.finish(record(8, 25))
    assert windows(memory, tomorrow + timedelta(days=1))[1] == ("2026-03-03", 8, 8, 1, 200, [])


def test_a_false_card_is_taken_off_and_a_clock_put_back_changes_no_window(memory: Memory) -> None:
    memory.finish(record(5))
    memory.finish(record(6))
    memory.mark_grey(GreyRecord(record(6), "mac2"))
    tomorrow = NOON + timedelta(days=1)
    assert windows(memory, tomorrow) == [("2026-03-02", 5, 6, 1, 200, [])]
    memory.finish(record(7, -48))
    assert windows(memory, tomorrow)[1] == ("2026-02-28", 7, 7, 1, 200, [])


def test_all_of_it_is_in_the_journal(memory: Memory, tmp_path: Path) -> None:
    memory.finish(record(5))
    memory.finish(record(6, 24))
    memory._begin_segment()
    memory.finish(record(7, 24))
    memory.close()
    again = Memory.open(tmp_path)
    assert again.state.totals == memory.state.totals
    assert Totals.from_dict({}) == Totals()
    again.close()


def test_another_sam_counts_anew(memory: Memory) -> None:
    memory.belong_to("000000000001", NOON)
    memory.finish(record(900))
    memory.mark_reported(record(900))
    memory.belong_to("000000000002", NOON)
    memory.finish(replace(record(3), terminal_no="000000000002"))
    assert windows(memory, NOON + timedelta(days=1)) == [("2026-03-02", 3, 3, 1, 200, [])]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


def test_the_total_is_told_until_the_centre_has_it(town: City, tmp_path: Path) -> None:
    house = House(town.place("bus", tariff="bus", line="1", line_no="00000001"), tmp_path)
    house.live(3)
    assert house.place.tap(chip(), 3).ok
    house.live(20)
    assert house.centre.totals == {}
    house.now = NOON + timedelta(minutes=DAY)
    house.centre.mood = lambda: "lost"
    house.live(30)
    house.centre.mood = lambda: "ok"
    house.live(30)
    (total,) = house.centre.totals.values()
    assert (total["business_date"], total["records"], total["total_fen"]) == ("2026-03-02", 1, 200)
    assert house.place.terminal.memory.state.totals.closed == {}


def test_a_total_that_the_centre_refuses_does_not_hold_up_the_next(town: City, tmp_path: Path) -> None:
    house = House(town.place("bus", tariff="bus", line="1", line_no="00000001"), tmp_path)
    house.live(3)
    assert house.place.tap(chip(), 3).ok
    sequence = house.place.terminal.memory.state.totals.current
    assert sequence is not None
    house.centre.totals[sequence.first] = {"from_seq": sequence.first}
    house.now = NOON + timedelta(minutes=DAY)
    house.live(30)
    assert house.place.terminal.memory.state.totals.closed == {}
    assert any("total of 2026-03-02" in said for said in house.said)
