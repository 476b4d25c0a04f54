"""A document that breaks its form is refused with the field's name, and the same content has the same bytes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.fares.book import Book
from terminals.fares.documents import Document
from terminals.fares.errors import DocumentError, FareError, RideError
from terminals.fares.holder import Entitlement, Holder
from terminals.fares.periods import Period, age, birthday, half_year, period_start, service_day
from terminals.fares.rides import Ride
from terminals.fares.split import split_fen
from tests.terminals.fares.shelf import BOOK, PUBLISHED, at

CAP = next(item for item in PUBLISHED if item["id"] == "city-day")
STUDENT = next(item for item in PUBLISHED if item["id"] == "student")
CHANGE = next(item for item in PUBLISHED if item["id"] == "change")


def body(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return item | {"body": item["body"] | changes}


@pytest.mark.parametrize(
    ("published", "field"),
    [
        ([], ""),
        (CAP | {"document": "fine"}, "document"),
        (CAP | {"version": 0}, "version"),
        (CAP | {"valid_from": "2026-1-1"}, "valid_from"),
        (CAP | {"valid_until": "2025-01-01"}, "valid_until"),
        (CAP | {"legal_basis": " "}, "legal_basis"),
        (CAP | {"name": {}}, "name"),
        (CAP | {"name": {"fr": "plafond"}}, "name.fr"),
        (CAP | {"nmae": 1}, "nmae"),
        (body(CAP, starts="4:00"), "body.starts"),
        (body(CAP, period="year"), "body.period"),
        (body(CAP, tariffs=["bus", "bus"]), "body.tariffs"),
        (body(CAP, limit_fen=True), "body.limit_fen"),
        (body(STUDENT, pay_percent=100), "body.pay_percent"),
        (body(STUDENT, categories=[]), "body.categories"),
        (body(STUDENT, age={"from": 65, "to": 60}), "body.age.to"),
        (body(STUDENT, hours=[{"from": "09:00", "until": "09:00"}]), "body.hours[0].until"),
        (body(CHANGE, pay_percent=50), "body.off_fen"),
        (body(CHANGE, within_minutes=0), "body.within_minutes"),
        (body(CHANGE, same_lines=True), "body.same_lines"),
    ],
)
def test_an_error_names_the_field(published: object, field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Document.parse(published)
    assert caught.value.field == field


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda item: f"{item['id']}-{item['version']}")
def test_canonical_bytes_do_not_depend_on_how_it_was_written(published: dict[str, Any]) -> None:
    document = Document.parse(published)
    turned = dict(reversed(published.items()))
    assert Document.parse(turned).canonical == document.canonical
    assert Document.parse(json.loads(document.canonical)) == document
    assert Document.parse(published | {"version": 99}).digest != document.digest


def test_the_latest_version_holds_until_it_ends() -> None:
    ended = Document.parse(CAP | {"version": 2, "valid_from": "2026-06-01", "valid_until": "2026-06-30"})
    book = Book.of([ended, Document.parse(CAP)])
    versions = {
        day: [item.version for item, _ in book.caps(date.fromisoformat(day))]
        for day in ("2025-12-31", "2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01")
    }
    assert list(versions.values()) == [[], [1], [2], [2], []]


@pytest.mark.parametrize(
    "more",
    [
        CAP | {"version": 2},
        STUDENT | {"id": "bus"},
        body(CAP, tariffs=["bus"]) | {"id": "bus-day"},
    ],
)
def test_documents_that_contradict_each_other_make_no_book(more: dict[str, Any]) -> None:
    with pytest.raises(DocumentError):
        Book.parse([*PUBLISHED, more])


def test_no_tariff_of_that_name() -> None:
    with pytest.raises(FareError):
        BOOK.tariff("tram", date(2026, 3, 2))


@given(st.integers(0, 10_000_000), st.lists(st.integers(1, 1_000), min_size=1, max_size=8))
def test_shares_sum_to_the_amount_and_none_is_a_fen_off(amount_fen: int, weights: list[int]) -> None:
    parts = split_fen(amount_fen, weights)
    assert sum(parts) == amount_fen
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount_fen * weight) < sum(weights)


@given(st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(0, 100))
def test_a_birthday_is_the_first_day_of_the_age(birth: date, years: int) -> None:
    day = birthday(birth, years)
    assert age(birth, day) == years
    assert age(birth, date.fromordinal(day.toordinal() - 1)) == years - 1


def test_days_begin_at_four_weeks_on_monday() -> None:
    starts = at("2026-03-02 04:00:00").time()
    day = service_day(at("2026-03-01 03:59:59"), starts)
    assert day == date(2026, 2, 28)
    assert period_start(Period.WEEK, day) == date(2026, 2, 23)
    assert period_start(Period.MONTH, day) == date(2026, 2, 1)
    assert [half_year(date(2026, 6, 30)), half_year(date(2026, 7, 1))] == [(2026, 1), (2026, 2)]


def test_an_entitlement_holds_on_both_its_days() -> None:
    holder = Holder(None, (Entitlement("student", date(2026, 3, 2), date(2026, 3, 3)),))
    held = [holder.on(date(2026, 3, day)).categories for day in (1, 2, 3, 4)]
    assert held == [(), ("student",), ("student",), ()]


def test_a_ride_says_when_it_was_with_an_offset_and_forwards() -> None:
    start = at("2026-03-02 08:00:00")
    with pytest.raises(RideError):
        Ride("a", "bus", start.replace(tzinfo=None))
    with pytest.raises(RideError):
        Ride("a", "bus", start, end=at("2026-03-02 07:59:59"))
    ride = Ride("a", "metro", start, "M", at("2026-03-02 08:30:00"), "0101", "0102")
    assert Ride.from_json(json.loads(json.dumps(ride.to_json()))) == ride
