"""Order of upload never matters, a charge can be worked out again to the byte, and nothing lawful would be cheaper."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.fares.charge import Charge
from terminals.fares.documents import LANGUAGES
from terminals.fares.errors import FareError, RideError
from terminals.fares.holder import ANONYMOUS, Holder
from terminals.fares.period import corrections, price_rides, recompute
from terminals.fares.rides import Ride
from terminals.fares.trips import Claim, judge_claims
from terminals.fares.words import explain
from tests.terminals.fares.shelf import BOOK, PUBLISHED, at, book_with, bus, holder_of

NOON = at("2026-03-02 12:00:00")
STOPS = {"metro": ("0101", "0102", "0103", "0104"), "rural": ("R1", "R4", "R8")}
HOLDERS = st.sampled_from(["", "student", "disabled", "1961-03-04", "1966-03-03 student", "1950-01-01"]).map(
    holder_of
)


@st.composite
def rides(draw: st.DrawFn) -> list[Ride]:
    """Up to a dozen rides over five days, some without one of their taps."""
    drawn = []
    for number in range(draw(st.integers(0, 12))):
        start = NOON + timedelta(minutes=draw(st.integers(0, 7_200)))
        tariff = draw(st.sampled_from(["bus", "metro", "rural", "ferry", "tour"]))
        line = draw(st.sampled_from(["1", "2", "N1"]))
        if tariff not in STOPS:
            drawn.append(Ride(str(number), tariff, start, line))
            continue
        entry, leaving = draw(st.sampled_from(STOPS[tariff])), draw(st.sampled_from(("", *STOPS[tariff])))
        end = start + timedelta(minutes=draw(st.integers(0, 90))) if leaving else None
        drawn.append(Ride(str(number), tariff, start, line, end, entry, leaving))
    return drawn


def bytes_of(charges: list[Charge]) -> list[bytes]:
    return [charge.canonical() for charge in charges]


@given(rides(), HOLDERS, st.randoms(use_true_random=False))
def test_the_order_of_upload_does_not_matter(taken: list[Ride], holder: Holder, random: Random) -> None:
    shuffled = taken + taken[:3]
    random.shuffle(shuffled)
    assert bytes_of(price_rides(shuffled, BOOK, holder)) == bytes_of(price_rides(taken, BOOK, holder))


@given(rides(), HOLDERS)
def test_anybody_can_work_it_out_again(taken: list[Ride], holder: Holder) -> None:
    for charge in price_rides(taken, BOOK, holder):
        assert recompute(json.loads(charge.canonical()), BOOK).canonical() == charge.canonical()


@given(rides(), HOLDERS)
def test_the_explanation_sums_to_the_charge(taken: list[Ride], holder: Holder) -> None:
    for charge in price_rides(taken, BOOK, holder):
        assert 0 <= charge.amount_fen <= charge.full_fen
        for language in LANGUAGES:
            *steps, (_, total) = explain(charge, language)
            assert sum(amount for _, amount in steps) == total == charge.amount_fen
            assert all(words and "{" not in words for words, _ in steps)


@given(rides(), HOLDERS)
def test_never_dearer_than_any_alternative(taken: list[Ride], holder: Holder) -> None:
    for charge in price_rides(taken, BOOK, holder):
        assert charge.amount_fen <= min(item.amount_fen for item in charge.alternatives)
        assert charge.alternatives[0].rules == ()


@given(rides(), st.sampled_from(["student", "disabled", "1961-03-04"]))
def test_a_concession_never_raises_what_all_rides_cost(taken: list[Ride], words: str) -> None:
    without = sum(charge.amount_fen for charge in price_rides(taken, BOOK))
    assert sum(charge.amount_fen for charge in price_rides(taken, BOOK, holder_of(words))) <= without


@given(rides(), HOLDERS)
def test_no_fen_of_a_subsidy_is_lost(taken: list[Ride], holder: Holder) -> None:
    paid_for = {"student", "half60", "senior", "love"}
    for charge in price_rides(taken, BOOK, holder):
        given_away = -sum(step.amount_fen for step in charge.steps[1:] if step.rule in paid_for)
        assert sum(share.amount_fen for share in charge.shares) == given_away


@given(rides(), HOLDERS, st.integers(0, 11))
def test_a_late_ride_repairs_the_others(taken: list[Ride], holder: Holder, late: int) -> None:
    early = taken[:late] + taken[late + 1 :]
    before = {charge.ride.id: charge.amount_fen for charge in price_rides(early, BOOK, holder)}
    now = price_rides(taken, BOOK, holder)
    for correction in corrections(before, now):
        before[correction.charge.ride.id] -= correction.refund_fen
    settled = {charge.ride.id: charge.amount_fen for charge in now}
    assert settled | before == settled
    assert corrections(settled, now) == []


def test_a_late_morning_ride_gives_the_evening_ride_back() -> None:
    day = [bus(str(hour), f"2026-03-02 {hour:02d}:00:00") for hour in range(6, 22, 3)]
    before = {charge.ride.id: charge.amount_fen for charge in price_rides(day[1:], BOOK)}
    assert sum(before.values()) == 1000
    [correction] = corrections(before, price_rides(day, BOOK))
    assert (correction.charge.ride.id, correction.refund_fen) == ("21", 200)


def test_a_student_ride_is_told_in_full() -> None:
    first, second = price_rides(
        [bus("a", "2026-03-02 08:00:00"), bus("b", "2026-03-02 08:30:00", "2")], BOOK, holder_of("student")
    )
    assert [(item.rules, item.amount_fen) for item in second.alternatives] == [
        ((), 200),
        (("student",), 150),
        (("change",), 100),
        (("student", "change"), 50),
    ]
    assert explain(second, "en") == [
        ("flat fare", 200),
        ("student fare, 75 % to pay", -50),
        ("transfer discount, changed within 60 minutes", -100),
        ("to pay", 50),
    ]
    assert explain(first, "zh-Hans")[1] == ("学生优惠，支付75%", -50)
    assert [(share.payer, share.amount_fen) for share in second.shares] == [("city", 33), ("school", 17)]
    documents = [(item["id"], item["version"]) for item in second.derivation()["documents"]]
    assert documents == [
        ("bus", 1),
        ("student", 1),
        ("change", 1),
        ("city-day", 1),
        ("student-day", 1),
        ("school", 1),
    ]
    assert "2010" not in second.canonical().decode()


def test_a_taxi_ride_is_told_by_its_parts() -> None:
    ride = Ride(
        "t", "taxi", at("2026-03-03 00:30:00"), end=at("2026-03-03 01:00:00"), metres=10_001, waiting_s=301
    )
    [charge] = price_rides([ride], BOOK)
    said = "10001 m: distance 25.50, night 5.10, waiting 1.50, fuel 1.00 yuan, rounded"
    assert explain(charge, "en") == [(said, 3300), ("to pay", 3300)]


def test_one_side_naming_the_other_is_not_enough() -> None:
    published = next(item for item in PUBLISHED if item["id"] == "change")
    body = {key: value for key, value in published["body"].items() if key != "combines_with"}
    deaf = published | {"version": 2, "valid_from": "2026-02-01", "body": body}
    taken = [bus("a", "2026-03-02 08:00:00"), bus("b", "2026-03-02 08:30:00", "2")]
    assert price_rides(taken, book_with(deaf), holder_of("student"))[1].chosen == ("change",)


def test_two_stories_of_one_ride_are_refused() -> None:
    with pytest.raises(RideError):
        price_rides([bus("a", "2026-03-02 08:00:00"), bus("a", "2026-03-02 08:00:01")], BOOK)


def test_a_charge_without_its_ride_is_refused() -> None:
    with pytest.raises(RideError):
        corrections({"gone": 200}, price_rides([bus("a", "2026-03-02 08:00:00")], BOOK))


def test_no_tariff_no_fare() -> None:
    with pytest.raises(FareError):
        price_rides([bus("a", "2025-12-31 23:59:59")], BOOK)


def half_ride(name: str, day: int) -> Ride:
    return Ride(name, "metro", at(f"2026-03-{day:02d} 08:00:00"), "M", entry="0101")


def test_a_claim_completes_the_ride_and_gives_the_difference_back() -> None:
    ride = half_ride("a", 2)
    held = price_rides([ride], BOOK)
    repaired = price_rides([ride], BOOK, ANONYMOUS, [Claim("a", "0102", date(2026, 3, 20))])
    assert (held[0].amount_fen, repaired[0].amount_fen) == (500, 200)
    assert corrections({"a": 500}, repaired)[0].refund_fen == 300
    assert recompute(repaired[0].derivation(), BOOK) == repaired[0]


def test_claims_are_few_in_time_and_not_always_for_the_same_gate() -> None:
    taken = [half_ride(str(day), day) for day in range(2, 9)]
    stops = ["0102", "0102", "0102", "0199", "0103", "0104", "0103"]
    claims = [Claim(ride.id, stop, date(2026, 4, 1)) for ride, stop in zip(taken, stops, strict=True)]
    claims.append(Claim("2", "0103", date(2026, 4, 2)))
    assert [verdict.reason for verdict in judge_claims(claims, taken, BOOK)] == [
        "",
        "",
        "same_stop",
        "unknown_stop",
        "",
        "too_many",
        "too_many",
        "complete",
    ]
