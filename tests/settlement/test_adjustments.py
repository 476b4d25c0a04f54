"""Adjustments: by two or three people as the amount asks, on the open date's statement, reversed only by another."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError

from accounts.models import Journal, LedgerAccount
from accounts.selectors.balances import account_balance_fen
from benchmarks.city import Purchase, found_city, tap
from citizencard.core.errors import AlreadyDecided, Conflict, InvalidField, MakerIsChecker
from settlement.errors import CheckNotAsked, PolicyMissing
from settlement.models import Adjustment, Position, Statement
from settlement.selectors.audit import broken_invariants
from settlement.services.adjustments import (
    check_adjustment,
    propose_adjustment,
    propose_reversal,
    refuse_adjustment,
)
from settlement.services.clearing import clear_day
from settlement.services.proposals import propose_rule
from terminals.models import Merchant
from tests.settlement.rules import ADJUSTMENTS, in_force
from tests.settlement.small_city import DAY, NEXT_DAY
from tests.settlement.test_audit import tamper
from tests.settlement.test_contracts import write

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> date:
    """One merchant, one card, and who checks adjustments."""
    found_city(DAY, merchants=1, cards=1)
    in_force(ADJUSTMENTS, "adjustments")
    return DAY


def asked(amount_fen: int = 500, **values: Any) -> Adjustment:
    usual = {"against": "6001", "reason": "fee", "evidence": "2026-调-7", "maker": "li"}
    return propose_adjustment(merchant=Merchant.objects.get(), amount_fen=amount_fen, **usual | values)


def checked(adjustment: Adjustment, checker: str = "boss", role: str = "supervisor") -> Adjustment:
    return check_adjustment(adjustment=adjustment, checker=checker, roles=[role])


def test_an_adjustment_stands_on_the_statement_of_the_open_date(city: date) -> None:
    tap(DAY, [Purchase(1, 1, 300)])
    assert checked(asked()).business_date == DAY
    run = clear_day(day=DAY)
    statement = Statement.objects.get()
    assert (statement.gross_fen, statement.fee_fen, statement.adjusted_fen, statement.net_fen) == (
        300,
        0,
        500,
        800,
    )
    assert (run.adjusted_fen, run.net_fen) == (500, 800)
    assert account_balance_fen(statement.merchant.settlement_id) == 800
    assert account_balance_fen(LedgerAccount.objects.get(code="6001").pk) == -500
    parties = dict(Position.objects.values_list("party", "amount_fen"))
    assert parties == {"merchant": 800, "adjusted": -500, "funds": -300}
    assert broken_invariants() == []


def test_a_reversal_takes_it_back_on_its_own_date(city: date) -> None:
    first = checked(asked())
    clear_day(day=DAY)
    back = propose_reversal(adjustment=first, evidence="2026-调-8", maker="li")
    with pytest.raises(Conflict):
        propose_reversal(adjustment=first, evidence="2026-调-9", maker="li")
    assert checked(back).business_date == NEXT_DAY
    clear_day(day=NEXT_DAY)
    assert list(Statement.objects.order_by("run").values_list("net_fen", flat=True)) == [500, -500]
    assert account_balance_fen(Merchant.objects.get().settlement_id) == 0
    assert broken_invariants() == []


def test_a_large_one_needs_every_role_each_by_another_person(city: date) -> None:
    large = asked(100_001)
    assert large.roles == ["finance", "supervisor"]
    assert checked(large, "wang", "finance").state == Adjustment.State.PROPOSED
    with pytest.raises(MakerIsChecker):
        checked(large, "wang")
    with pytest.raises(CheckNotAsked, match="supervisor"):
        checked(large, "zhao", "finance")
    assert checked(large).state == Adjustment.State.POSTED
    assert checked(large).state == Adjustment.State.POSTED
    assert Journal.objects.filter(kind="adjustment").count() == 1


def test_the_maker_never_checks(city: date) -> None:
    small = asked()
    for decide in (
        lambda: checked(small, "li"),
        lambda: refuse_adjustment(adjustment=small, checker="li", reason="no"),
    ):
        with pytest.raises(MakerIsChecker):
            decide()
    refused = refuse_adjustment(adjustment=small, checker="boss", reason="不符")
    assert refused.answer == "不符"
    with pytest.raises(AlreadyDecided):
        checked(small)
    with pytest.raises(Conflict):
        propose_reversal(adjustment=refused, evidence="x", maker="li")
    assert not Journal.objects.filter(kind="adjustment").exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount_fen": 0}, "amount_fen"),
        ({"against": "2011"}, "against"),
        ({"reason": "because"}, "reason"),
        ({"reason": "reversal"}, "reason"),
        ({"evidence": " "}, "evidence"),
    ],
)
def test_what_is_wrong_is_named(city: date, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        asked(**values)
    assert refused.value.data["field"] == field


def test_without_a_policy_nobody_adjusts() -> None:
    found_city(DAY, merchants=1, cards=1)
    with pytest.raises(PolicyMissing):
        asked()


@pytest.mark.parametrize(
    ("tiers", "field"),
    [
        ([{"up_to_fen": 5, "roles": ["a"]}], "tiers"),
        ([{"roles": ["a"]}, {"roles": ["b"]}], "tiers"),
        ([{"up_to_fen": 5, "roles": ["a"]}, {"up_to_fen": 5, "roles": ["a"]}, {"roles": ["b"]}], "tiers[1].up_to_fen"),
        ([{"roles": []}], "tiers[0].roles"),
        ([], "tiers"),
    ],
)  # fmt: skip
def test_tiers_rise_and_the_last_has_no_end(tiers: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        propose_rule(kind="adjustments", content=ADJUSTMENTS | {"tiers": tiers}, maker="maker")
    assert refused.value.data["field"] == field


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO settlement_adjustmentcheck (adjustment_id, role, checker) SELECT id, 'supervisor', 'li' FROM settlement_adjustment",
        "INSERT INTO settlement_adjustmentcheck (adjustment_id, role, checker) SELECT id, 'clerk', 'wu' FROM settlement_adjustment",
        "UPDATE settlement_adjustment SET state = 'posted', business_date = '2026-11-02'",
        "UPDATE settlement_adjustment SET amount_fen = 1",
        "DELETE FROM settlement_adjustment",
    ],
)
def test_the_database_keeps_the_four_eyes(city: date, change: str) -> None:
    asked()
    with pytest.raises(IntegrityError):
        write(change)


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        ("UPDATE settlement_adjustment SET amount_fen = 501", "an adjustment has its one transfer, and a transfer its adjustment"),
        ("DELETE FROM accounts_transfer WHERE kind = 54", "an adjustment has its one transfer, and a transfer its adjustment"),
        ("UPDATE settlement_statement SET adjusted_fen = 0, net_fen = gross_fen - fee_fen", "what is adjusted on a statement is its adjustments"),
    ],
)  # fmt: skip
def test_tampering_is_found(city: date, change: str, invariant: str) -> None:
    checked(asked())
    clear_day(day=DAY)
    tamper(change)
    assert invariant in {breach.invariant for breach in broken_invariants()}
