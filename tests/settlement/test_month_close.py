"""A month is closed by two people when every date is sealed and agrees with the bank; then it is as it is, for good."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from citizencard.core.errors import AlreadyDecided, MakerIsChecker
from citizencard.core.models import AuditEntry
from settlement.errors import MonthNotReady, MonthTaken, ReportDiffers
from settlement.exports import report_csv, report_pdf, report_xlsx
from settlement.models import MonthClose, MonthReport, RollUp
from settlement.selectors.months import closed_report
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.scope import Scope
from settlement.services.months import approve_close, propose_close, refuse_close
from settlement.services.rolling import roll_up_due_days
from terminals.models import Merchant
from tests.settlement.month import LAST, MONTH, reconcile, traded_month
from tests.settlement.test_audit import tamper

NOVEMBER = Scope.month(MONTH)
WRITERS = (report_xlsx, report_csv, report_pdf)


@pytest.fixture
def reconciled(db: None) -> date:
    month = traded_month()
    reconcile()
    return month


@pytest.fixture
def closed(reconciled: date) -> MonthClose:
    return approve_close(close=propose_close(month=LAST, maker="finance"), checker="second")


def files(code: str) -> list[bytes]:
    report = closed_report(NOVEMBER, code)
    assert report is not None
    return [write(report) for write in WRITERS]


def test_two_people_close_a_month_and_every_report_of_it_is_kept(reconciled: date) -> None:
    close = propose_close(month=LAST, maker="finance")
    with pytest.raises(MakerIsChecker):
        approve_close(close=close, checker="finance")
    with pytest.raises(MonthTaken):
        propose_close(month=MONTH, maker="third")
    approve_close(close=close, checker="second")
    close.refresh_from_db()
    assert (close.state, close.month, close.checker) == ("closed", MONTH, "second")
    assert approve_close(close=close, checker="third").checker == "second"
    kept = {kind.code for kind in REPORTS.values() if kind.frozen}
    assert set(close.reports.values_list("code", flat=True)) == kept
    assert set(AuditEntry.objects.get(action="month.close").detail["reports"]) == kept
    with pytest.raises(MonthTaken):
        propose_close(month=MONTH, maker="finance")


def test_a_refused_closing_can_be_asked_for_again(reconciled: date) -> None:
    close = refuse_close(close=propose_close(month=MONTH, maker="a"), checker="b", reason="短款未清")
    with pytest.raises(AlreadyDecided):
        approve_close(close=close, checker="c")
    assert approve_close(close=propose_close(month=MONTH, maker="b"), checker="a").state == "closed"


def test_a_month_that_is_not_reconciled_or_not_over_is_not_closed(db: None) -> None:
    traded_month()
    with pytest.raises(MonthNotReady) as refusal:
        propose_close(month=MONTH, maker="finance")
    assert refusal.value.data["count"] == 2
    assert "2026-11-29" in str(refusal.value)
    with pytest.raises(MonthNotReady):
        propose_close(month=date(2026, 12, 1), maker="finance")
    with pytest.raises(MonthNotReady):
        propose_close(month=date(2025, 1, 1), maker="finance")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE settlement_monthclose SET state = 'proposed', checker = '', checked_at = NULL", "month_decided_once"),
        ("DELETE FROM settlement_monthclose", "month_decided_once"),
        ("INSERT INTO settlement_monthreport (close_id, code, content, digest) SELECT id, 'x', '', '' FROM settlement_monthclose",
         "month_reports_are_all"),
        ("INSERT INTO settlement_monthclose (month, state, maker, checker, checked_at) VALUES ('2026-10-01', 'closed', 'a', 'b', now())",
         "month_decided_once"),
        ("UPDATE core_businessday SET state = 'open' WHERE date = '2026-11-30'", "business_day_moves_forward"),
    ],
)  # fmt: skip
def test_nothing_opens_a_closed_month_again(closed: MonthClose, statement: str, constraint: str) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert refusal.value.__cause__.diag.constraint_name == constraint  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("harm", "constraint"),
    [
        ("DELETE FROM settlement_reservereport WHERE business_date = '2026-11-29'", "month_is_sealed_and_reconciled"),
        ("DELETE FROM settlement_rollup WHERE run_id = '2026-11-29'", "month_is_sealed_and_reconciled"),
        ("DELETE FROM core_businessday WHERE date > '2026-11-30'", "month_is_over"),
        ("DELETE FROM settlement_monthreport", "month_has_its_reports"),
    ],
)  # fmt: skip
def test_the_database_closes_no_month_that_is_not_ready(
    closed: MonthClose, harm: str, constraint: str
) -> None:
    tamper("UPDATE settlement_monthclose SET state = 'proposed', checker = '', checked_at = NULL")
    tamper(harm)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        MonthClose.objects.update(state="closed", checker="second", checked_at=closed.checked_at)
    assert refusal.value.__cause__.diag.constraint_name == constraint  # type: ignore[union-attr]


def test_a_closed_month_takes_no_roll_up(closed: MonthClose) -> None:
    tamper("DELETE FROM settlement_rollup WHERE run_id = '2026-11-30'")
    tamper("DELETE FROM settlement_rolluprow WHERE run_id = '2026-11-30'")
    with pytest.raises(IntegrityError, match="roll_up_of_an_open_month"):
        roll_up_due_days()
    assert RollUp.objects.count() == 1


def test_what_was_kept_is_given_out_the_same_whatever_is_renamed(closed: MonthClose) -> None:
    before = files("merchants")
    Merchant.objects.filter(code="M00001").update(name="新名")
    assert files("merchants") == before
    assert "新名" in str(REPORTS["merchants"].document(NOVEMBER).sections[0].rows)
    assert closed_report(Scope.day(LAST), "merchants") is None
    assert closed_report(Scope.month(MONTH, only={"line": "K1"}), "merchants") is None
    call_command("verify_month", "2026-11", stdout=StringIO())


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE settlement_monthreport SET content = 'x' || content WHERE code = 'month'",
        "UPDATE settlement_rolluprow SET taps_fen = taps_fen + 1, subsidy_fen = subsidy_fen - 1 WHERE taps_fen = 20000",
        "UPDATE settlement_statement SET fee_fen = fee_fen + 1, net_fen = net_fen - 1 WHERE fee_fen > 0",
    ],
)
def test_what_somebody_changed_behind_its_back_is_found(closed: MonthClose, harm: str) -> None:
    tamper(harm)
    with pytest.raises(CommandError, match="2026-11"):
        call_command("verify_month", "2026-11", stdout=StringIO())


def test_a_kept_report_without_its_digest_is_not_given_out(closed: MonthClose) -> None:
    tamper("UPDATE settlement_monthreport SET digest = sha256('x') WHERE code = 'fees'")
    with pytest.raises(ReportDiffers):
        closed_report(NOVEMBER, "fees")
    assert MonthReport.objects.exists()


def test_a_month_that_is_open_cannot_be_verified(db: None) -> None:
    for asked in ("2026-11", "2026-13"):
        with pytest.raises(CommandError):
            call_command("verify_month", asked, stdout=StringIO())
