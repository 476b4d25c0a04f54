"""Reports of a month: every way of telling its trade apart comes to the same, and each row leads to what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from django.utils import translation

from accounts.models import Chart, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from accounts.services.subsidies import open_subsidy_payer
from benchmarks.city import Purchase, tap
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import NotFound
from citizencard.sandbox.bank import Booking
from settlement.exports import report_csv, report_pdf, report_xlsx
from settlement.models import ClearingRun
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.frame import Report, Section
from settlement.selectors.reports.scope import UNKNOWN, Scope
from settlement.services.clearing import clear_day
from tests.settlement.bank.bank import take
from tests.settlement.month import FIRST, LAST, MONTH, reconcile, traded_month

NOON = datetime(2026, 12, 1, 12, tzinfo=SHANGHAI)
TODAY = date(2026, 12, 1)


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def month(db: None) -> Scope:
    return Scope.month(traded_month())


def asked(code: str, scope: Scope) -> Report:
    return REPORTS[code].build(scope)


def column(section: Section, title: str) -> list[object]:
    (index,) = [place for place, each in enumerate(section.columns) if str(each.title) == title]
    return [row[index] for row in section.rows]


def post(key: str, debit: int, credit: int, amount_fen: int, *, actor: str = "test") -> None:
    leg = Leg(debit, credit, amount_fen, Transfer.Kind.CORRECTION, abs(hash(key)) % 10**9, NOON)
    post_journal(key=key, kind="test", actor=actor, source="test", legs=[leg])


@pytest.mark.usefixtures("english")
def test_a_month_is_its_days_its_merchants_and_its_channels(month: Scope) -> None:
    run = ClearingRun.objects.get(business_date=LAST)
    (days,) = asked("month", month).sections
    assert column(days, "business date") == ["2026-11-29", "2026-11-30"]
    assert column(days, "gross") == [10_300, 20_300] == [10_300, run.gross_fen]
    assert column(days, "net")[1] == run.net_fen
    totals = {code: asked(code, month).sections[0] for code in ("month", "merchants", "channels")}
    assert len({sum(column(each, "net")) for each in totals.values()}) == 1  # type: ignore[arg-type]
    told_apart = [asked(code, month).sections[0] for code in ("lines", "products", "counties", "month")]
    assert {sum(column(each, "gross")) for each in told_apart} == {30_600}  # type: ignore[arg-type]
    assert asked("lines", month).sections[0].rows[0][:3] == ("K1", "K1路", 2)
    assert asked("counties", month).sections[0].rows[0][:2] == (UNKNOWN, "in no county")


def test_every_row_leads_to_what_it_is_made_of(month: Scope) -> None:
    """From the line to its days, from a day to its merchants, to the statement, to the kinds of transfers."""
    line = asked("lines", month).sections[0].leads[0]
    assert (line.report, line.terms) == ("month", (("month", "2026-11"), ("line", "K1")))
    days = asked("month", Scope.month(MONTH, only={"line": "K1"})).sections[0]
    assert [row[2] for row in days.rows] == [10_000, 20_000]
    assert (days.leads[1].report, days.leads[1].terms) == (
        "merchants",
        (("day", "2026-11-30"), ("line", "K1")),
    )
    merchants = asked("merchants", Scope.day(LAST, only={"line": "K1"})).sections[0]
    assert [row[0] for row in merchants.rows] == ["M00001"]
    statement = merchants.leads[0]
    assert (statement.report, statement.terms) == (
        "statement",
        (("day", "2026-11-30"), ("merchant", "M00001")),
    )
    own, kinds = asked("statement", Scope.day(LAST, only={"merchant": "M00001"})).sections
    assert kinds.totals[2:] == (20_000, 20_000)
    assert own.rows[0][5] == 20_000
    assert asked("month", month).sections[0].leads[0].report == "day"
    nowhere = asked("month", Scope.month(MONTH, only={"line": UNKNOWN})).sections[0]
    assert [row[2] for row in nowhere.rows] == [300, 300]
    assert asked("month", Scope.month(MONTH, only={"line": "K9"})).sections[0].rows == []


def test_a_report_as_of_a_date_comes_out_again_whatever_followed(month: Scope) -> None:
    then = Scope.month(MONTH, until=FIRST)
    first = [write(REPORTS["merchants"].document(then)) for write in (report_csv, report_xlsx, report_pdf)]
    tap(TODAY, [Purchase(1, 1, 100)])
    clear_day(day=TODAY)
    again = [write(REPORTS["merchants"].document(then)) for write in (report_csv, report_xlsx, report_pdf)]
    assert again == first
    assert REPORTS["merchants"].document(then).as_of == FIRST
    assert REPORTS["merchants"].document(month).as_of == LAST


def test_the_trial_balance_closes_to_zero(month: Scope) -> None:
    balance = asked("trial-balance", month).sections[0]
    _account, _name, opening, debit, credit, closing = balance.totals
    assert (opening, closing, debit) == (0, 0, credit)
    last = {row[0]: row for row in asked("trial-balance", Scope.day(LAST)).sections[0].rows}
    assert last["6001"][2:] == (
        -asked("fees", Scope.day(FIRST)).sections[0].totals[5],
        0,
        last["6001"][4],
        last["6001"][5],
    )  # type: ignore[operator]
    assert asked("trial-balance", Scope.day(FIRST - timedelta(days=1))).sections[0].rows == []


def test_fees_are_those_of_the_statements_and_of_the_ledger(month: Scope) -> None:
    by_contract, income = asked("fees", month).sections
    fees_fen = sum(ClearingRun.objects.values_list("fee_fen", flat=True))
    assert by_contract.totals[4:] == (30_600, fees_fen)
    assert income.rows[0][2] == fees_fen > 0


def test_a_payer_owes_what_was_claimed_less_what_it_gave(month: Scope) -> None:
    payer = open_subsidy_payer(code="MZJ", name="民政局", actor="root")
    other = open_account(chart=Chart.DISPUTED)
    post("claimed", payer.pk, other.pk, 900)
    post("received", other.pk, payer.pk, 250)
    (row,) = asked("subsidies", Scope.day(TODAY)).sections[0].rows
    assert row[:2] == ("1231.MZJ", "民政局")
    assert row[2:] == (0, 0, 900, 250, 650)
    assert asked("subsidies", month).sections[0].rows[0][2:] == (0, 0, 0, 0, 0)


def test_the_drawer_is_what_clerks_took_in_less_what_they_paid_out(month: Scope) -> None:
    cash, other = open_account(chart=Chart.COUNTER_CASH), open_account(chart=Chart.DISPUTED)
    post("sold", cash.pk, other.pk, 5_000, actor="anna")
    post("refunded", other.pk, cash.pk, 1_200, actor="anna")
    post("sold too", cash.pk, other.pk, 300, actor="bo")
    drawer, clerks, _drawers, _kiosks = asked("cash", Scope.day(TODAY)).sections
    ((opening, taken, given, closing),) = drawer.rows
    assert opening + taken - given == closing  # type: ignore[operator]
    assert (taken, given) == (5_300, 1_200)
    assert clerks.rows == [("anna", 2, 5_000, 1_200, 3_800), ("bo", 1, 300, 0, 300)]


def test_what_nobody_has_explained_grows_old(month: Scope) -> None:
    reconcile()
    take([Booking(1_200, end_to_end_id="?")], day=TODAY)
    found = {}
    for days in (0, 1, 2, 3, 4, 7, 8, 30, 31):
        (row,) = asked("suspense", Scope.day(TODAY + timedelta(days=days))).sections[0].rows
        found[days] = [place // 2 for place, cell in enumerate(row[1:]) if cell == 1_200]
    assert found == {0: [0], 1: [0], 2: [1], 3: [1], 4: [2], 7: [2], 8: [3], 30: [3], 31: [4]}
    assert asked("suspense", month).sections[0].rows == []


@pytest.mark.usefixtures("english")
def test_the_reserve_is_told_day_by_day(month: Scope) -> None:
    assert column(asked("reserve", month).sections[0], "state") == ["not reconciled"] * 2
    reconcile()
    section = asked("reserve", month).sections[0]
    assert column(section, "state") == ["reconciled, no difference"] * 2
    assert column(section, "owed to merchants")[1] == sum(
        ClearingRun.objects.values_list("net_fen", flat=True)
    )


def test_a_merchants_month_is_its_statements(month: Scope) -> None:
    statements, *_others = asked("merchant", Scope.month(MONTH, only={"merchant": "M00001"})).sections
    assert [row[0] for row in statements.rows] == ["2026-11-29", "2026-11-30"]
    assert statements.totals[5] == 30_000
    with pytest.raises(NotFound):
        asked("merchant", Scope.month(MONTH, only={"merchant": "nobody"}))


def test_every_report_can_be_written_in_every_format(month: Scope) -> None:
    scope = Scope.month(MONTH, only={"merchant": "M00001"})
    for code, kind in REPORTS.items():
        report = kind.document(scope if code in ("merchant", "statement") else month)
        assert report.code == code
        assert report_csv(report)
        assert report_xlsx(report).startswith(b"PK")
        assert report_pdf(report).startswith(b"%PDF")
