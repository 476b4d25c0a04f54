"""A card with an account purse of 10 yuan, and somebody to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card, LedgerAccount, Purse
    from citizencard.core.models import BusinessDay


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    from tests.factories import make_card, make_product

    return make_card(product=make_product(price_fen=0, deposit_fen=0, account_limit_fen=100_000))


@pytest.fixture
def purse(card: Card) -> Purse:
    from accounts.services.payments import account_purse
    from tests.accounts.purses.filling import fill, fresh

    purse = account_purse(card)
    fill(purse, 1_000)
    return fresh(purse)


@pytest.fixture
def shop(open_day: BusinessDay) -> LedgerAccount:
    from accounts.services.ledger import open_account

    return open_account(chart="2202", owner="shop", name="中山路便利店")
