"""A gateway in memory behind the services, and a card that costs nothing, so that the books show top-ups only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card
    from citizencard.core.models import BusinessDay
    from tests.accounts.topup.gateway import FakeGateway


@pytest.fixture
def gateway(db: None, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    from tests.accounts.topup.gateway import FakeGateway

    return FakeGateway().behind_the_services(monkeypatch)


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    """With both purses: 1,000 yuan on the chip, 500 in the account."""
    from tests.factories import make_card, make_product

    return make_card(product=make_product(price_fen=0, deposit_fen=0, account_limit_fen=50_000))
