"""Silent, without trade, old list: exactly those, by the policy of the day, in one statement at any size."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Card
from citizencard.core.models import BusinessDay
from terminals.models import HotListEntry, Merchant, Terminal
from terminals.selectors.fleet import (
    FleetSummary,
    Marks,
    fleet_marks,
    fleet_summary,
    terminals_of_line,
)
from terminals.services.field import publish_tariff, register_terminal
from terminals.services.fleet import publish_fleet_policy, suspend_terminal
from terminals.services.hotlist import report_loss
from terminals.services.places import Call, save_line, save_place, save_route, save_stop
from terminals.services.publishing import publish_hot_list
from tests.factories import CLERK, NOON, make_card
from tests.terminals.field import make_merchant

pytestmark = pytest.mark.django_db
POLICY: dict[str, Any] = {
    "kind": "validator",
    "valid_from": date(2026, 1, 1),
    "silent_hours": 24,
    "zero_trade_days": 3,
    "list_minutes": 30,
    "legal_basis": "test",
    "actor": CLERK,
}
SECOND = timedelta(seconds=1)


@pytest.fixture
def bus(db: None) -> Merchant:
    publish_fleet_policy(**POLICY)
    publish_tariff(
        code="F",
        name="F",
        kind="flat",
        rule={"fare_fen": 200},
        valid_from=date(2026, 1, 1),
        legal_basis="test",
    )
    return make_merchant()


def device(merchant: Merchant, number: int, **facts: Any) -> Terminal:
    """An active terminal, heard of and tapped an hour ago, with the whole list, unless told otherwise."""
    terminal = register_terminal(
        code=f"d{number}",
        merchant=merchant,
        place="",
        tariff_code="F",
        terminal_no=f"{number:012X}",
        public_key=number.to_bytes(32),
        **{name: facts.pop(name) for name in ("kind", "site") if name in facts},
    )
    told = {
        "state_at": NOON - timedelta(days=100),
        "seen_at": NOON - timedelta(hours=1),
        "tapped_at": NOON - timedelta(hours=1),
        "hot_list_version": 10**6,
    }
    Terminal.objects.filter(pk=terminal.pk).update(**told | facts)
    return terminal


def test_silent_from_the_second_after_the_hours_of_its_kind(bus: Merchant) -> None:
    device(bus, 1, seen_at=NOON - timedelta(hours=24))
    silent = device(bus, 2, seen_at=NOON - timedelta(hours=24) - SECOND)
    never = device(bus, 3, seen_at=None)
    device(bus, 4, seen_at=None, state_at=NOON - timedelta(hours=23))
    device(bus, 5, seen_at=None, kind="gate")  # no policy for gates
    assert fleet_marks(NOON) == {
        silent.pk: Marks(silent=True, zero_trade=False, old_list=False),
        never.pk: Marks(silent=True, zero_trade=False, old_list=False),
    }


def test_the_policy_of_the_day_judges(bus: Merchant) -> None:
    terminal = device(bus, 1, seen_at=NOON - timedelta(hours=5))
    publish_fleet_policy(**POLICY | {"valid_from": date(2026, 3, 3), "silent_hours": 4})
    assert terminal.pk not in fleet_marks(NOON)
    assert fleet_marks(NOON + timedelta(days=1))[terminal.pk].silent
    Terminal.objects.update(seen_at=NOON + timedelta(hours=19))
    assert fleet_marks(NOON + timedelta(days=1))[terminal.pk].silent
    assert not fleet_marks(NOON + timedelta(hours=23))


def test_without_trade_only_where_peers_have_some(bus: Merchant) -> None:
    idle = NOON - timedelta(days=3) - SECOND
    zero = device(bus, 1, tapped_at=idle)
    never = device(bus, 2, tapped_at=None)
    device(bus, 3, tapped_at=NOON - timedelta(days=3))  # the peer, and just not idle
    device(bus, 4, tapped_at=None, state_at=NOON - timedelta(days=2))  # new
    silent = device(bus, 5, tapped_at=idle, seen_at=idle)
    closed = make_merchant(code="HOLIDAY")
    device(closed, 6, tapped_at=idle)  # nobody of them trades
    device(closed, 7, tapped_at=idle)
    marks = fleet_marks(NOON)
    assert {pk for pk, mark in marks.items() if mark.zero_trade} == {zero.pk, never.pk}
    assert marks.keys() == {zero.pk, never.pk, silent.pk}


def test_a_list_is_old_once_it_lacks_what_was_published_half_an_hour_ago(
    bus: Merchant, open_day: BusinessDay
) -> None:
    def published(card: Card, when: datetime) -> int:
        report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
        version = publish_hot_list(now=when)
        assert version is not None
        return version.pk

    lost, other = make_card(), make_card()
    first = published(lost, NOON - timedelta(hours=2))
    second = published(other, NOON - timedelta(minutes=30) + SECOND)
    up_to_date = device(bus, 1, hot_list_version=first)
    behind = device(bus, 2, hot_list_version=first - 1)
    assert fleet_marks(NOON).keys() == {behind.pk}
    assert fleet_marks(NOON + SECOND).keys() == {up_to_date.pk, behind.pk}
    # A removal is a change like any other.
    Terminal.objects.update(hot_list_version=second)
    HotListEntry.objects.filter(pan=lost.pan).update(removed_at=NOON)
    publish_hot_list(now=NOON)
    assert not fleet_marks(NOON + timedelta(minutes=29))
    assert len(fleet_marks(NOON + timedelta(minutes=30))) == 2


def test_only_active_terminals_are_asked_after(bus: Merchant) -> None:
    terminal = device(bus, 1, seen_at=None)
    assert fleet_marks(NOON)[terminal.pk].silent
    suspend_terminal(terminal=terminal, actor=CLERK, reason="workshop")
    Terminal.objects.update(state_at=NOON - timedelta(days=2))
    assert not fleet_marks(NOON)


def test_the_fleet_in_numbers(bus: Merchant) -> None:
    device(bus, 1, drift_ms=-60_001, waiting_records=7)
    device(bus, 2, drift_ms=60_000, waiting_records=5)
    suspend_terminal(terminal=device(bus, 3, drift_ms=90_000), actor=CLERK, reason="workshop")
    register_terminal(code="r", merchant=bus, place="", tariff_code="F", terminal_no="0" * 12)
    assert fleet_summary() == FleetSummary(
        active=2, suspended=1, registered=1, drifting=1, waiting_records=12
    )


def test_a_line_has_its_vehicles_and_the_gates_of_its_stops(bus: Merchant) -> None:
    line, other = (save_line(code=code, name=code, merchant=bus) for code in ("K1", "K2"))
    stops = [save_stop(code=f"S{number}", name="站") for number in range(3)]
    calls = [Call(stops[0], 0), Call(stops[1], 800)]
    for code in ("K1-out", "K1-again"):  # a stop on two routes is still one gate
        save_route(code=code, name=code, line=line, calls=calls)
    sites = [
        save_place(code="bus", name="闽C01234", kind="vehicle", merchant=bus, line=line),
        save_place(code="gate", name="1号", kind="gate", merchant=bus, stop=stops[1]),
        save_place(code="else", name="2号", kind="gate", merchant=bus, stop=stops[2]),
        save_place(code="bus2", name="闽C01235", kind="vehicle", merchant=bus, line=other),
    ]
    devices = [device(bus, number, site=site) for number, site in enumerate(sites, start=1)]
    found = terminals_of_line(Terminal.objects.all(), line.pk)
    assert sorted(each.pk for each in found) == [each.pk for each in devices[:2]]


_FLEET = """
INSERT INTO terminals_terminal (code, kind, merchant_id, place, tariff_code, terminal_no, state, state_at, seen_at, tapped_at,
    hot_list_version)
SELECT 'f' || n, 'validator', %(merchant)s, '', 'F', upper(lpad(to_hex(n), 12, '0')), 'active', %(then)s,
    CASE WHEN n %% 100 = 0 THEN %(then)s ELSE %(now)s END, CASE WHEN n %% 250 = 1 THEN %(then)s ELSE %(now)s END, 0
FROM generate_series(1, %(count)s) AS n
"""


def test_five_thousand_terminals_take_one_statement_and_no_time(bus: Merchant) -> None:
    then: datetime = NOON - timedelta(days=9)
    with connection.cursor() as cursor:
        cursor.execute(_FLEET, {"merchant": bus.pk, "then": then, "now": NOON, "count": 5_000})
    begun = time.perf_counter()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        marks = fleet_marks(NOON)
    assert time.perf_counter() - begun < 1
    assert len(asked) == 1
    assert sum(mark.silent for mark in marks.values()) == 50
    assert sum(mark.zero_trade for mark in marks.values()) == 20
