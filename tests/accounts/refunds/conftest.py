"""A terminal in the field, and cards whose products have a refund policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card
    from citizencard.core.keyservice.keystore import KeyStore
    from citizencard.core.models import BusinessDay
    from tests.terminals.field import Field


@pytest.fixture
def field(open_day: BusinessDay, demo_keys: KeyStore) -> Field:
    """A registered terminal, for taps that come late."""
    from tests.terminals.field import Field

    return Field.install(demo_keys)


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    """An active anonymous card: price 10, deposit 10, 100 yuan on it."""
    from tests.accounts.refunds.stories import anonymous_card

    return anonymous_card()


@pytest.fixture
def named(open_day: BusinessDay) -> Card:
    """An active real-name card with a deposit of 10 yuan, 100 yuan on the chip and an account purse, still empty."""
    from tests.accounts.refunds.stories import named_card

    return named_card()
