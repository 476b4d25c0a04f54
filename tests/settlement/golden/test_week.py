"""A week of a small city comes to the fen to what was worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import LedgerAccount
from accounts.selectors.balances import account_balance_fen
from citizencard.core.keyservice.keystore import KeyStore
from settlement.models import ClearingRun, PayoutBatch, StatementShare
from settlement.selectors.audit import broken_invariants
from settlement.selectors.statements import canonical_lines
from settlement.services.reserve import check_reserve
from tests.settlement.golden.week import WEEK, Week, at

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent


def expected(name: str) -> list[str]:
    return (HERE / name).read_text().splitlines()


def standing(code: str) -> int:
    return account_balance_fen(LedgerAccount.objects.get(code=code).pk)


def test_the_golden_week(demo_keys: KeyStore) -> None:
    Week.begin(demo_keys).play()

    assert [line.rstrip() for day in WEEK for line in canonical_lines(day)] == expected("statements.txt")
    parts = StatementShare.objects.order_by("statement__run", "merchant__code")
    rows = parts.values_list("statement__run_id", "merchant__code", "amount_fen")
    assert [f"{day}|{code}|{fen}" for day, code, fen in rows] == expected("shares.txt")
    assert paid() == expected("payouts.txt")
    assert {code: standing(code) for code in LEFT} == LEFT
    for day in WEEK[1:]:
        assert check_reserve(day=day, actor="finance", now=at(day, "23:00")).difference_fen == 0
    assert set(ClearingRun.objects.values_list("state", flat=True)) == {"cleared"}
    assert broken_invariants() == []


LEFT = {
    "6001": 373,
    "6711": -150,
    "1231.CZJ": 201,
    "1231.JYJ": 99,
    "2203.METRO": 1_289,
    "2203.BUS": 0,
    "2203.PARK": 0,
    "2203.SHOP": 0,
    "2203.MUSEUM": 0,
    "2241": 300,
}
"""Balances after the week, each on its account's normal side."""


def paid() -> list[str]:
    """Every order and everybody carried forward, as `through|value date|merchant|fen`."""
    lines = []
    for batch in PayoutBatch.objects.order_by("through"):
        head = f"{batch.through}|{batch.value_date}"
        orders = [
            f"{head}|{order.merchant.code}|{order.amount_fen}"
            for order in batch.orders.select_related("merchant")
        ]
        kept = [
            f"{head}|{each.merchant.code}|carried {each.why} {each.amount_fen}"
            for each in batch.carried.select_related("merchant")
        ]
        lines += sorted(orders + kept)
    return lines
