"""Passes like a city's, a card to put them on, an operator to be paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card, LedgerAccount, Pass, PassProduct
    from citizencard.core.models import BusinessDay


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    """An active card without price and deposit."""
    from tests.factories import make_card, make_product

    return make_card(product=make_product(price_fen=0, deposit_fen=0))


@pytest.fixture
def bus(db: None) -> LedgerAccount:
    """Who carries the holders."""
    from accounts.services.ledger import open_account

    return open_account(chart="2202", owner="bus")


@pytest.fixture
def publish(db: None) -> Callable[..., PassProduct]:
    """Publish a pass: ten rides for ten yuan within 180 days, refundable, unless told otherwise."""
    from accounts.services.passes import publish_pass_product

    def publish(**changes: Any) -> PassProduct:
        terms: dict[str, Any] = {
            "code": "ten",
            "name": "十次卡",
            "kind": "times",
            "price_fen": 1_000,
            "rides": 10,
            "validity_days": 180,
            "channels": ["bus"],
            "operator": "bus",
            "operator_name": "公交集团",
            "refund": "pro_rata",
            "unused": "operator",
            "legal_basis": "test",
            "valid_from": date(2026, 1, 1),
            "actor": "finance",
        }
        return publish_pass_product(**terms | changes)

    return publish


@pytest.fixture
def sell(card: Card, publish: Callable[..., PassProduct]) -> Callable[..., Pass]:
    """Publish a pass and sell it for cash from the test's day on; changes are to the terms or the sale."""
    from accounts.services.passes import sell_pass
    from tests.factories import CLERK, NOON

    def sell(**changes: Any) -> Pass:
        sale: dict[str, Any] = {
            "card": card,
            "starts_on": date(2026, 3, 2),
            "paid_by": "cash",
            "number": "P1",
            "actor": CLERK,
            "occurred_at": NOON,
            "proof": "",
        }
        own = {name: changes.pop(name) for name in list(changes) if name in sale}
        return sell_pass(code=publish(**changes).code, **sale | own)

    return sell
