"""The settlement calendar: years by the State Council's notice, value dates over them, and the cut-off time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.city import Purchase, found_city, tap
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField
from settlement.errors import CalendarMissing
from settlement.models import CalendarDay, CalendarYear, ClearingRun, Contract
from settlement.selectors.calendar import next_working_day, payable_until, value_date
from settlement.selectors.payouts import due_merchants
from settlement.services import clearing
from settlement.services.clearing import clear_day
from settlement.services.proposals import propose_rule
from settlement.services.rules.years import read_lines
from tests.settlement.rules import calendar, in_force, signed
from tests.settlement.small_city import DAY
from tests.settlement.test_contracts import settle_deferred, write

pytestmark = pytest.mark.django_db


def line(first: str, last: str, kind: str, name: str = "元旦") -> dict[str, str]:
    return {"from": first, "until": last, "kind": kind, "name": name}


def test_the_published_years_are_whole() -> None:
    for year in (2025, 2026):
        in_force(calendar(year), "calendar")
    kinds = dict(CalendarDay.objects.filter(year__year=2026).values_list("date", "kind"))
    assert len(kinds) == 365
    # By the notice 33 days are off in 2026, and six weekend days are worked instead.
    assert [list(kinds.values()).count(kind) for kind in ("holiday", "makeup")] == [33, 6]
    assert kinds[date(2026, 2, 14)] == "makeup"
    assert kinds[date(2026, 11, 7)] == "weekend"


@pytest.mark.parametrize(
    ("day", "days", "due"),
    [
        ("2026-11-02", 1, "2026-11-03"),
        ("2026-11-06", 1, "2026-11-09"),
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-02-13", 1, "2026-02-14"),
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-10-03", 0, "2026-10-08"),
        ("2026-10-08", 0, "2026-10-08"),
        ("2026-10-08", 3, "2026-10-12"),
    ],
)
def test_settlement_skips_what_banks_do_not_work(day: str, days: int, due: str) -> None:
    in_force(calendar(2026), "calendar")
    assert value_date(date.fromisoformat(day), Contract(settle_days=days)) == date.fromisoformat(due)


def test_a_year_nobody_approved_keeps_payouts_waiting_not_the_clearing() -> None:
    in_force(calendar(2026), "calendar")
    found_city(date(2026, 12, 31), merchants=1, cards=1)
    tap(date(2026, 12, 31), [Purchase(1, 1, 100)])
    assert clear_day(day=date(2026, 12, 31)).state == ClearingRun.State.CLEARED
    with pytest.raises(CalendarMissing, match="2027"):
        next_working_day(date(2026, 12, 31))


def test_a_later_notice_takes_the_place_of_the_first() -> None:
    in_force(calendar(2026), "calendar")
    changed = [*calendar(2026)["lines"], line("2026-11-03", "2026-11-03", "holiday", "市运会")]
    in_force(calendar(2026, changed), "calendar")
    assert value_date(date(2026, 11, 2), Contract(settle_days=1)) == date(2026, 11, 4)
    assert CalendarYear.objects.filter(year=2026).count() == 2
    with pytest.raises(IntegrityError):
        write("UPDATE settlement_calendarday SET kind = 'working'")


def test_what_was_settled_without_a_contract_is_due_by_the_next_one() -> None:
    in_force(calendar(2026), "calendar")
    found_city(DAY, merchants=1, cards=1)
    settle_deferred()
    write("UPDATE settlement_contract SET valid_until = '2026-11-01'")
    settle_deferred()
    tap(DAY, [Purchase(1, 1, 100)])
    clear_day(day=DAY)
    assert due(date(2026, 12, 30)) == 0
    write("ALTER TABLE settlement_contract DISABLE TRIGGER stands")  # the gap is there by the line above
    signed(valid_from="2026-11-06", settle_days=2)
    assert [due(date(2026, 11, day)) for day in (9, 10)] == [0, 100]


def due(by: date) -> int:
    """What the only merchant is paid of the city's day on a working day."""
    (found,) = due_merchants(through=DAY, value_date=by)
    return found.amount_fen


@pytest.mark.parametrize(
    ("lines", "where", "rule"),
    [
        ([line("2026-01-01", "2026-01-03", "holiday")], "lines", "春节"),
        ([line("2026-01-01", "2026-01-03", "feast")], "line 2", "feast"),
        ([line("2026-01-01", "2026-01-03", "holiday"), line("2026-01-03", "2026-01-03", "holiday")], "line 3", "2026-01-03"),
        ([line("2026-01-05", "2026-01-05", "makeup")], "line 2", "2026-01-05"),
        ([line("2025-12-31", "2026-01-01", "holiday")], "line 2", "2026"),
        ([line("2026-01-03", "2026-01-01", "holiday")], "line 2", "2026"),
        ([line("2026-01-32", "2026-01-32", "holiday")], "line 2", ""),
        ([{"from": "2026-01-01"}], "lines", "from,until,kind,name"),
        ("x", "lines", "from,until,kind,name"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_year_is_named_by_line(lines: Any, where: str, rule: str) -> None:
    with pytest.raises(InvalidField) as refused:
        propose_rule(kind="calendar", content=calendar(2026) | {"lines": lines}, maker="maker")
    assert refused.value.data["field"] == where
    assert rule in str(refused.value)
    assert not CalendarYear.objects.exists()


def test_a_file_of_other_columns_is_refused() -> None:
    with pytest.raises(InvalidField, match="line 1"):
        read_lines("date,kind\n2026-01-01,holiday\n")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.dates(date(2025, 1, 20), date(2026, 11, 30)), days=st.integers(0, 5))
def test_between_a_date_and_its_value_date_lie_so_many_working_days(
    both_years: dict[date, str], day: date, days: int
) -> None:
    due = value_date(day, Contract(settle_days=days))
    works = [each for each, kind in both_years.items() if day < each <= due and kind in ("working", "makeup")]
    assert both_years[due] in ("working", "makeup")
    assert len(works) == days or (days == 0 and (due == day or works == [due]))
    last = payable_until(due, days)
    assert last >= day
    assert value_date(last, Contract(settle_days=days)) == due
    assert value_date(last + timedelta(days=1), Contract(settle_days=days)) > due


@pytest.fixture
def both_years(db: None) -> dict[date, str]:
    for year in (2025, 2026):
        in_force(calendar(year), "calendar")
    return dict(CalendarDay.objects.order_by("date").values_list("date", "kind"))


@pytest.mark.parametrize(("hour", "cleared"), [(0, 0), (1, 0), (2, 1), (12, 1)])
def test_a_date_is_due_from_its_cut_off_on(monkeypatch: pytest.MonkeyPatch, hour: int, cleared: int) -> None:
    found_city(DAY, merchants=1, cards=1)
    in_force({"valid_from": "2026-01-01", "minutes": 120, "legal_basis": "清分规程"}, "cut_off")
    now = datetime.combine(DAY + timedelta(days=1), datetime.min.time(), SHANGHAI) + timedelta(hours=hour)
    monkeypatch.setattr(clearing.calendar, "database_time", lambda: now)
    assert len(clearing.clear_due_days()) == cleared


def test_a_cut_off_is_dated_and_before_noon() -> None:
    rule = {"valid_from": "2026-01-01", "minutes": 720, "legal_basis": "x"}
    with pytest.raises(InvalidField, match="minutes"):
        propose_rule(kind="cut_off", content=rule, maker="maker")
    in_force(rule | {"minutes": 60}, "cut_off")
    with pytest.raises(InvalidField, match="valid_from"):
        in_force(rule | {"minutes": 61}, "cut_off")
