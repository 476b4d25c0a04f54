"""A terminal and a card with money, for everything about terminals."""

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
    """A registered terminal."""
    from tests.terminals.field import Field

    return Field.install(demo_keys)


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    """An active anonymous card with 100 yuan."""
    from tests.factories import fill_purse, make_card

    card = make_card()
    fill_purse(card, 10_000)
    return card
