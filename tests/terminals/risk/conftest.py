"""The town and a card in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card
    from citizencard.core.keyservice.keystore import KeyStore
    from citizencard.core.models import BusinessDay
    from tests.terminals.risk.town import Town


@pytest.fixture
def town(open_day: BusinessDay, demo_keys: KeyStore) -> Town:
    """Gates, buses, a shop."""
    from tests.terminals.risk.town import Town

    return Town.found(demo_keys)


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    """An active anonymous card with 500 yuan."""
    from tests.terminals.risk.town import rider

    return rider()
