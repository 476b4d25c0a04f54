"""Published tariffs give the fares they say, and a wrong rule is refused before anyone pays by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.fares.errors import DocumentError, FareError
from terminals.fares.journeys import PairFare
from terminals.fares.kinds import EnteredAmount, FlatFare, TimeFare
from terminals.fares.tariffs import parse_tariff

PAIR = {
    "stations": {"0101": "东海", "0103": "西湖"},
    "fares": {"0101-0103": 300, "0101-0101": 0},
    "max_fen": 400,
}
TIME = {"free_minutes": 15, "step_minutes": 60, "step_fen": 500, "cap_fen": 4000}
NINE = datetime.fromisoformat("2026-03-02T09:00:00+08:00")


def test_flat() -> None:
    assert parse_tariff("flat", {"fare_fen": 200}) == FlatFare(200)


def test_a_pair_costs_the_same_both_ways() -> None:
    fare = parse_tariff("pair", PAIR)
    assert isinstance(fare, PairFare)
    assert fare.fare_fen("0101", "0103") == fare.fare_fen("0103", "0101") == 300
    assert fare.fare_fen("0101", "0101") == 0
    assert fare.code_of(bytes.fromhex("000103")) == "0103"
    with pytest.raises(FareError):
        fare.fare_fen("0103", "0103")


@pytest.mark.parametrize(
    ("minutes", "fare_fen"),
    [
        (0, 0),
        (15, 0),
        (16, 500),
        (60, 500),
        (61, 1000),
        (480, 4000),
        (1440, 4000),
        (1441, 4500),
        (2880, 8000),
    ],
)
def test_time_counts_begun_steps_up_to_the_daily_cap(minutes: int, fare_fen: int) -> None:
    rule = parse_tariff("time", TIME)
    assert isinstance(rule, TimeFare)
    assert rule.fare_fen(NINE, NINE + timedelta(minutes=minutes)) == fare_fen


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_longer_stay_never_costs_less(first: int, second: int) -> None:
    rule = parse_tariff("time", TIME)
    assert isinstance(rule, TimeFare)
    fares = [rule.fare_fen(NINE, NINE + timedelta(minutes=stay)) for stay in sorted((first, second))]
    assert fares[0] <= fares[1]


def test_leaving_before_entering_has_no_fare() -> None:
    rule = parse_tariff("time", TIME)
    assert isinstance(rule, TimeFare)
    with pytest.raises(FareError):
        rule.fare_fen(NINE, NINE - timedelta(minutes=1))


@pytest.mark.parametrize("amount_fen", [0, -1, 1001])
def test_an_entered_amount_has_bounds(amount_fen: int) -> None:
    rule = parse_tariff("entered", {"max_fen": 1000})
    assert isinstance(rule, EnteredAmount)
    assert rule.check(1000) == 1000
    with pytest.raises(FareError):
        rule.check(amount_fen)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("flat", {}),
        ("flat", {"fare_fen": -1}),
        ("flat", {"fare_fen": 2.5}),
        ("flat", {"fare_fen": True}),
        ("flat", []),
        ("unknown", {}),
        ("pair", PAIR | {"fares": {"0101-0199": 1}}),
        ("pair", PAIR | {"stations": {"x": "?"}}),
        ("pair", PAIR | {"stations": []}),
        ("time", TIME | {"step_minutes": 0}),
        ("time", {"free_minutes": 15}),
        ("entered", {"max_fen": "1"}),
        ("flat", {"fare_fen": 200, "fare": 300}),
        ("free", {"fare_fen": 0}),
        ("section", {"sections": {}, "fares_fen": [1]}),
        ("section", {"sections": {"A": 1}, "fares_fen": [2, 1]}),
        ("section", {"sections": {"A": 0}, "fares_fen": [1]}),
        ("pair", PAIR | {"fares": {"0101": 1}}),
        ("pair", PAIR | {"distances_m": {"0101-0103": 900}, "steps": [{"to_m": 800, "fare_fen": 1}]}),
        ("metered", {}),
    ],
)
def test_a_wrong_rule_is_refused(kind: str, rule: Any) -> None:
    with pytest.raises(FareError):
        parse_tariff(kind, rule)


def test_an_error_names_the_field() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_tariff("pair", PAIR | {"fares": {"0101-0103": -1}})
    assert caught.value.field == "rule.fares.0101-0103"
