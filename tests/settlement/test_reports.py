"""Finance reports: every figure is there and adds up."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from benchmarks.city import FUNDS_FEN
from citizencard.core.errors import NotFound
from settlement.selectors.figures import Amounts, RefusalLine, SuspendedLine
from settlement.selectors.reports import day_report, reserve_check
from settlement.services.clearing import clear_day
from terminals.models import Tap


def test_a_report_has_each_merchant_and_the_total(city: date) -> None:
    clear_day(day=city)
    report = day_report(city)
    assert report.state == "cleared"
    assert len(report.digest) == 64
    assert [line.code for line in report.merchants] == ["M00001", "M00002", "M00003"]
    assert report.total == Amounts(5, 0, 0, 2_624, 3, 0, 2_621, 2, 1_140)


def test_channels_add_up_to_the_total(city: date) -> None:
    clear_day(day=city)
    report = day_report(city)
    assert sum(line.merchants for line in report.channels) == 3
    assert Amounts.total(line.amounts for line in report.channels) == report.total


def test_what_waits_in_suspense_is_named_by_its_reason(city: date) -> None:
    assert day_report(city).suspended == [
        SuspendedLine(Tap.Outcome.HOT_LISTED, 1, 500),
        SuspendedLine(Tap.Outcome.COUNTER_CONFLICT, 1, 640),
        SuspendedLine(Tap.Outcome.OVER_BALANCE, 1, 75),
    ]


def test_refused_records_are_counted_by_reason(city: date) -> None:
    with connection.cursor() as cursor:
        for line, code in enumerate(["bad_tac", "duplicate", "bad_tac"]):
            cursor.execute(
                "INSERT INTO terminals_refusal (business_date, batch_id, line, code, detail, record, received_at)"
                " SELECT %s, min(id), %s, %s, '', '', now() FROM terminals_batch",
                [city, line, code],
            )
    assert day_report(city).refusals == [RefusalLine("bad_tac", 2), RefusalLine("duplicate", 1)]


def test_before_the_clearing_there_are_no_statements_but_a_report(city: date) -> None:
    report = day_report(city)
    assert (report.state, report.merchants, report.digest) == ("open", [], "")
    assert report.total == Amounts()


def test_there_is_no_report_of_a_day_that_never_was(city: date) -> None:
    with pytest.raises(NotFound):
        day_report(date(2030, 1, 1))


def test_the_reserve_covers_what_is_owed_but_for_claims(city: date) -> None:
    clear_day(day=city)
    reserve = reserve_check()
    assert reserve.difference_fen == 0
    assert reserve.held_fen == 3 * FUNDS_FEN
    assert reserve.income_fen == 3
    # The tap beyond the balance and the conflicting one are owed without money for them having come in.
    assert reserve.claims_fen == 75 + 640
    assert reserve.shortfall_fen == 75 + 640 - 3
