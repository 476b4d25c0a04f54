"""At the tap, the published documents decide: every kind of fare, concessions and changes by what the chip itself tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from terminals.program.marks import Marks
from terminals.program.post import Meter
from tests.terminals.fares.shelf import PUBLISHED
from tests.terminals.program.fares import published
from tests.terminals.program.posts import DISABLED, MARKS, NOON, NORMAL, STUDENT, City, chip, city


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


LINE_1: dict[str, Any] = {"tariff": "bus", "line": "1", "line_no": "00000001"}
LINE_2: dict[str, Any] = {"tariff": "bus", "line": "2", "line_no": "00000002"}


@pytest.mark.parametrize(
    ("kind", "line", "fare_fen", "rules"),
    [
        (NORMAL, "1", 200, ("bus",)),
        (STUDENT, "1", 150, ("bus", "student")),
        (DISABLED, "1", 0, ("bus", "love")),
        (STUDENT, "N1", 200, ("bus",)),
        (77, "1", 200, ("bus",)),
    ],
)
def test_a_concession_is_that_of_the_cards_own_kind(
    town: City, kind: int, line: str, fare_fen: int, rules: tuple[str, ...]
) -> None:
    card = chip(kind)
    result = town.place("bus", tariff="bus", line=line, line_no="00000001").tap(card)
    assert (result.ok, result.fare_fen, result.explained.full_fare_fen) == (True, fare_fen, 200)
    assert result.explained.rules == rules
    assert card.state.balance_fen == 5_000 - fare_fen
    assert result.record is not None
    assert result.record.trip == f"@{line}"


def test_marks_of_the_device_hold_until_the_centre_tells_its_own(town: City) -> None:
    mine = Marks(categories={NORMAL: "disabled"})
    alone = town.place("bus", published("bus"), line="1", line_no="00000001", marks=mine)
    told = town.place("bus", line="1", line_no="00000001", tariff="bus", marks=mine)
    assert (alone.tap(chip()).fare_fen, told.tap(chip(number=2)).fare_fen) == (0, 200)


def test_a_fare_is_explained_in_both_languages(town: City) -> None:
    result = town.place("bus", **LINE_1).tap(chip(STUDENT))
    assert result.to_dict()["explanation"] == {
        "zh": "一票制票价 2.00; 学生优惠，支付75% -0.50; 合计 1.50",
        "en": "flat fare 2.00; student fare, 75 % to pay -0.50; to pay 1.50",
    }
    assert result.display() == (
        "交易成功  票款 1.50  原价 2.00  余额 48.50",
        "Paid  fare 1.50  full fare 2.00  balance 48.50",
    )


@pytest.mark.parametrize(
    ("minutes", "fare_fen"), [(60, 100), (60 + 1 / 60, 200)], ids=["within the hour", "a second later"]
)
def test_a_change_of_bus_is_cheaper_by_the_trip_on_the_card(
    town: City, minutes: float, fare_fen: int
) -> None:
    card = chip()
    assert town.place("bus", **LINE_1).tap(card).fare_fen == 200
    assert town.place("bus", **LINE_2).tap(card, minutes).fare_fen == fare_fen


def test_the_same_line_is_no_change_and_a_concession_may_meet_one(town: City) -> None:
    card, student = chip(number=1), chip(STUDENT, number=2)
    first, second, other = (town.place("bus", **line) for line in (LINE_1, LINE_1, LINE_2))
    first.tap(card)
    assert second.tap(card, 10).fare_fen == 200
    first.tap(student)
    result = other.tap(student, 10)
    assert (result.fare_fen, result.explained.rules) == (50, ("bus", "student", "change"))


def test_a_change_from_metro_counts_from_its_exit(town: City) -> None:
    card = chip()
    town.place("metro", tariff="metro", role="entry", stop="0101").tap(card)
    town.place("metro", tariff="metro", role="exit", stop="0103").tap(card, 50)
    assert town.place("bus", **LINE_1).tap(card, 109).fare_fen == 100


def test_a_ride_of_a_line_nobody_knows_is_no_change(town: City) -> None:
    card = chip()
    town.place("bus", tariff="tour", line="T", line_no="00000099").tap(card)
    assert town.place("bus", **LINE_1).tap(card, 10).fare_fen == 200


def test_sections_are_paid_from_tap_to_tap(town: City) -> None:
    card = chip()
    line: dict[str, Any] = {"tariff": "rural", "line": "R", "line_no": "00000030"}
    on = town.place("bus", **line, role="entry", stop="R2").tap(card)
    off = town.place("bus", **line, role="exit", stop="R5").tap(card, 25)
    assert (on.fare_fen, off.fare_fen, off.explained.rules) == (0, 300, ("rural",))
    assert on.record
    assert off.record
    assert on.record.trip == "in:R2@R"
    assert off.record.trip == "out:R5:R2:20260302120000@R"
    assert off.record.place == "R2→R5"


def test_pairs_by_distance(town: City) -> None:
    card = chip()
    town.place("metro", tariff="ring", role="entry", stop="1").tap(card)
    result = town.place("metro", tariff="ring", role="exit", stop="4").tap(card, 30)
    assert (result.fare_fen, result.record and result.record.place) == (400, "东门→北门")


def test_a_meters_fare_is_shown_before_the_card_and_paid_once(town: City) -> None:
    taxi = town.place("taxi", tariff="taxi")
    card = chip()
    assert taxi.tap(card).reason.code == "not_confirmed"
    meter = Meter(5_000, 301, NOON - timedelta(hours=11, minutes=30))
    shown = taxi.terminal.quote(meter, when=NOON)
    assert (shown.reason.code, shown.fare_fen, card.state.balance_fen) == ("present_card", 1_900, 5_000)
    paid = taxi.tap(card, 1)
    assert (paid.ok, paid.fare_fen, paid.record and paid.record.trip) == (
        True, 1_900, "meter:5000:301:20260302003000",
    )  # fmt: skip
    assert taxi.tap(chip(number=7), 2).reason.code == "not_confirmed"


def test_what_is_entered_what_is_free_and_what_does_not_belong_here(town: City) -> None:
    card = chip()
    assert town.place("shop", tariff="shop").tap(card, amount_fen=1_250).fare_fen == 1_250
    free = town.place("park", tariff="park").tap(card, 5)
    assert (free.ok, free.fare_fen, free.record and free.record.amount_fen) == (True, 0, 0)
    assert town.place("metro", tariff="bus").tap(card, 10).reason.code == "no_fare"


def test_a_tariff_holds_from_its_day_on(town: City) -> None:
    bus = town.place("bus", **LINE_1)
    days = (NOON.replace(year=2027, month=1, day=1) - NOON).days
    assert bus.tap(chip(), days * 1_440 - 721).fare_fen == 200
    assert bus.tap(chip(number=2), days * 1_440).fare_fen == 300


def test_a_pass_is_shown_by_the_cards_kind_or_by_the_list_as_it_last_came(town: City) -> None:
    free = {
        "document": "concession", "id": "year", "version": 1, "valid_from": "2026-01-01", "legal_basis": "test",
        "name": {"zh-Hans": "年卡", "en": "annual pass"},
        "body": {"tariffs": ["gate"], "pay_percent": 0, "categories": ["year-pass"]},
    }  # fmt: skip
    gate = {
        "document": "tariff", "id": "gate", "version": 1, "valid_from": "2026-01-01", "legal_basis": "test",
        "name": {"zh-Hans": "门票", "en": "ticket"}, "body": {"kind": "flat", "rule": {"fare_fen": 3_000}},
    }  # fmt: skip
    passes = {"year-pass": {"3105883700000000002": [["2026-03-01", "2026-03-02", None]]}}
    orders = published("gate", marks=MARKS, passes=passes, documents=[*PUBLISHED, gate, free])
    park = town.place("park", orders)
    assert park.tap(chip(number=1)).fare_fen == 3_000
    assert park.tap(chip(9, number=3), 1).fare_fen == 0
    listed = park.tap(chip(number=2), 2)
    assert (listed.fare_fen, listed.explained.rules) == (0, ("gate", "year"))
    assert park.tap(chip(number=2), 1_442).fare_fen == 3_000
