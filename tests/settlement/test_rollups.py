"""A sealed date is rolled up once, by merchant, line, channel, product and county, and comes to statements and ledger."""

from __future__ import annotations

from datetime import date
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction

from benchmarks.city import Purchase, tap
from settlement.models import ClearingRun, RollUp, RollUpRow
from settlement.selectors.invariants import rolled_up_wrong
from settlement.services import clearing
from settlement.services.clearing import clear_day
from settlement.services.rolling import roll_up_due_days
from terminals.models import Batch, Merchant, Place, Terminal
from terminals.services.places import Call, save_line, save_place, save_route, save_stop
from tests.settlement.small_city import NEXT_DAY
from tests.settlement.test_audit import tamper

LICHENG, FENGZE = "350502", "350503"


def mount(terminal: str, place: Place) -> None:
    Terminal.objects.filter(code=terminal).update(site=place)


@pytest.fixture
def mapped(city: date) -> date:
    """The first merchant drives line K1, the second has a gate at a stop of M1 only, the third stands nowhere."""
    first, second = Merchant.objects.get(code="M00001"), Merchant.objects.get(code="M00002")
    Merchant.objects.filter(code="M00002").update(county=LICHENG)
    bus = save_line(code="K1", name="K1路", merchant=first)
    mount(
        "TM00001", save_place(code="B1", name="B1", kind="vehicle", merchant=first, line=bus, county=FENGZE)
    )
    stop, end = save_stop(code="S1", name="东海"), save_stop(code="S2", name="西湖")
    metro = save_line(code="M1", name="地铁1号线", merchant=second)
    save_route(code="M1-0", name="往", line=metro, calls=[Call(stop, 0), Call(end, 900)])
    mount("TM00002", save_place(code="G1", name="G1", kind="gate", merchant=second, stop=stop))
    Batch.objects.filter(terminal__code="TM00001").update(online=True)
    return city


def test_a_date_is_told_apart_by_line_product_and_county(mapped: date) -> None:
    clear_day(day=mapped)
    rows = RollUpRow.objects.filter(run=mapped).order_by("merchant__code", "line__code")
    found = [
        (row.merchant.code, row.line and row.line.code, row.product and row.product.code, row.county, row.taps, row.taps_fen,
         row.online_taps, row.suspended_taps, row.suspended_fen, row.fee_fen)
        for row in rows
    ]  # fmt: skip
    assert found == [
        ("M00001", "K1", "seeded", FENGZE, 2, 550, 2, 0, 0, 0),
        ("M00002", "M1", "seeded", LICHENG, 3, 2_074, 0, 1, 500, 0),
        ("M00002", None, None, LICHENG, 0, 0, 0, 0, 0, 3),
        ("M00003", None, "seeded", "", 0, 0, 0, 1, 640, 0),
    ]
    assert RollUp.objects.get().rows == 4
    assert rolled_up_wrong(mapped) == []


def test_what_a_night_left_out_is_made_up_for_once(city: date) -> None:
    with patch.object(clearing, "_follow_up"):
        clear_day(day=city)
        tap(NEXT_DAY, [Purchase(1, 1, 100)])
        clear_day(day=NEXT_DAY)
    assert not RollUp.objects.exists()
    assert roll_up_due_days() == [city, NEXT_DAY]
    assert roll_up_due_days() == []


def test_where_a_stop_has_two_lines_the_taps_of_its_gates_have_none(mapped: date) -> None:
    stop, merchant = Place.objects.get(code="G1").stop, Merchant.objects.get(code="M00002")
    assert stop is not None
    other = save_line(code="M2", name="地铁2号线", merchant=merchant)
    save_route(code="M2-0", name="往", line=other, calls=[Call(stop, 0), Call(stop, 500)])
    clear_day(day=mapped)
    assert {row.line for row in RollUpRow.objects.filter(merchant=merchant)} == {None}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO settlement_rolluprow (run_id, merchant_id, channel, county, taps, taps_fen, online_taps, suspended_taps,"
         " suspended_fen, online, online_fen, subsidy_fen, refund_fen, fee_fen, adjusted_fen)"
         " SELECT run_id, merchant_id, channel, '350503', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM settlement_rolluprow LIMIT 1",
         "gets no more rows"),
        ("UPDATE settlement_rolluprow SET taps = taps + 1", "append-only"),
        ("DELETE FROM settlement_rollup", "append-only"),
    ],
)  # fmt: skip
def test_what_is_rolled_up_stays(city: date, statement: str, words: str) -> None:
    clear_day(day=city)
    with pytest.raises(IntegrityError, match=words), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("harm", "constraint"),
    [
        ("UPDATE settlement_clearingrun SET state = 'posted'", "roll_up_of_a_sealed_date"),
        (
            "UPDATE settlement_statement SET suspended_fen = suspended_fen + 1",
            "roll_up_comes_to_the_statements",
        ),
    ],
)
def test_the_database_takes_no_roll_up_that_is_not_the_statements_of_a_sealed_date(
    city: date, harm: str, constraint: str
) -> None:
    with patch.object(clearing, "_follow_up"):
        clear_day(day=city)
    tamper(harm)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        RollUp.objects.create(
            run=ClearingRun.objects.get(), rows=0
        ) if "posted" in harm else roll_up_due_days()
    assert refusal.value.__cause__.diag.constraint_name == constraint  # type: ignore[union-attr]


def test_a_roll_up_that_is_not_the_ledger_is_found(city: date) -> None:
    clear_day(day=city)
    tamper(
        "UPDATE settlement_rolluprow SET taps_fen = taps_fen + 1, subsidy_fen = subsidy_fen - 1 WHERE taps = 2"
    )
    (breach,) = rolled_up_wrong(city)
    assert breach.subject == f"{city} M00001"
