"""Sales taken back at the till: once, whatever the line does, and only what the row of the channel allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.terminals.program.posts import NOON, City, Place, chip, city
from tests.terminals.program.test_modes import TABLE, at, sell


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


def sold(town: City, channel: str = "shop") -> tuple[Place, int]:
    place = at(town, channel)
    record = sell(place).record
    return place, record.terminal_seq


def asked(place: Place) -> list[tuple[str, Any, Any]]:
    return [(path, body["amount_fen"], body.get("number")) for path, body in place.centre.taken_back]


@pytest.mark.parametrize("channel", TABLE)
def test_a_sale_is_cancelled_on_its_day_where_the_row_says_so(town: City, channel: str) -> None:
    place, sequence = sold(town, channel)
    late = place.terminal.cancel(sequence, when=NOON + timedelta(days=1)).reason.code
    on_its_day = place.terminal.cancel(sequence, when=NOON + timedelta(hours=11))
    assert (on_its_day.ok, late) == (True, "too_late") if TABLE[channel][1] else (False, "not_reversible")
    assert len(place.centre.taken_back) == on_its_day.ok


@pytest.mark.parametrize("channel", TABLE)
def test_a_sale_is_refunded_within_the_days_of_the_row(town: City, channel: str) -> None:
    place, sequence = sold(town, channel)
    days = TABLE[channel][2]
    within = place.terminal.refund(sequence, 100, when=NOON + timedelta(days=days))
    after = place.terminal.refund(sequence, 100, when=NOON + timedelta(days=days + 1))
    if days:
        assert (within.reason.code, within.fare_fen, after.reason.code) == ("refunded", -100, "too_late")
    else:
        assert (within.reason.code, after.reason.code) == ("not_reversible", "not_reversible")


def test_what_waits_goes_up_before_it_is_taken_back(town: City) -> None:
    place, sequence = sold(town)
    assert not place.centre.taps
    assert place.terminal.cancel(sequence, when=NOON).ok
    assert len(place.centre.taps) == 1
    (body,) = [body for _, body in place.centre.taken_back]
    assert body.keys() == {"terminal_no", "terminal_seq", "card_no", "amount_fen", "occurred_at"}


def test_a_refund_asked_again_after_a_lost_answer_is_the_same_one(town: City) -> None:
    place, sequence = sold(town)
    place.terminal.upload(when=NOON)
    place.centre.mood = lambda: "lost"
    first = place.terminal.refund(sequence, 200, when=NOON)
    second = place.terminal.refund(sequence, 100, when=NOON)
    place.centre.mood = lambda: "ok"
    again = place.terminal.refund(sequence, 200, when=NOON + timedelta(minutes=5))
    assert [result.reason.code for result in (first, second, again)] == [
        "line_needed",
        "line_needed",
        "refunded",
    ]
    assert place.terminal.refund(sequence, 200, when=NOON).ok
    numbers = [(amount_fen, number) for _, amount_fen, number in asked(place)]
    assert numbers == [(200, 1), (100, 2), (200, 1), (200, 3)]
    assert place.centre.taken_back[0] == place.centre.taken_back[2]


@pytest.mark.parametrize("amount_fen", [0, -1, 501])
def test_more_than_was_paid_is_not_asked_for(town: City, amount_fen: int) -> None:
    place, sequence = sold(town)
    assert place.terminal.refund(sequence, amount_fen, when=NOON).reason.code == "not_reversible"
    assert place.terminal.refund(sequence + 1, 100, when=NOON).reason.code == "unknown_purchase"
    assert asked(place) == []


def test_a_sale_is_found_in_older_segments(town: City) -> None:
    place, sequence = sold(town)
    memory = place.terminal.memory
    memory._begin_segment()
    assert place.tap(chip(number=8), 5, amount_fen=100).ok
    found = memory.find(sequence)
    assert found is not None
    assert found.amount_fen == 500
