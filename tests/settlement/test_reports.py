"""Finance reports: every figure is there and adds up."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from benchmarks.city import FUNDS_FEN
from citizencard.core.errors import NotFound
from settlement.selectors.reports.books import reserve_check
from settlement.selectors.reports.daily import day_report
from settlement.services.clearing import clear_day


def test_a_report_has_each_merchant_and_the_total(city: date) -> None:
    clear_day(day=city)
    report = day_report(city)
    assert [len(words) for _name, words in report.facts][1:] == [64]
    merchants, channels, *_others = report.sections
    assert [row[0] for row in merchants.rows] == ["M00001", "M00002", "M00003"]
    assert merchants.totals[4:] == (5, 0, 0, 2_624, 3, 0, 2_621, 2, 1_140)
    assert channels.totals[1:] == (3, *merchants.totals[4:])


def test_what_waits_in_suspense_is_named_by_its_reason(city: date) -> None:
    assert [row[1:] for row in day_report(city).sections[2].rows] == [(1, 500), (1, 640), (1, 75)]


def test_refused_records_are_counted_by_reason(city: date) -> None:
    with connection.cursor() as cursor:
        for line, code in enumerate(["bad_tac", "duplicate", "bad_tac"]):
            cursor.execute(
                "INSERT INTO terminals_refusal (business_date, batch_id, line, code, detail, record, received_at)"
                " SELECT %s, min(id), %s, %s, '', '', now() FROM terminals_batch",
                [city, line, code],
            )
    refused = day_report(city).sections[3]
    assert [(row[0], row[2]) for row in refused.rows] == [("bad_tac", 2), ("duplicate", 1)]


def test_before_the_clearing_there_are_no_statements_but_a_report(city: date) -> None:
    report = day_report(city)
    assert (report.as_of, report.sections[0].rows, len(report.facts)) == (None, [], 1)


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
