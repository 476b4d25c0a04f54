"""A city whose day is cleared and whose merchants can be paid."""

from __future__ import annotations

from datetime import date

import pytest


@pytest.fixture
def cleared(city: date) -> date:
    """The small city after its clearing; the value is the cleared date. Needs the key service."""
    from tests.settlement.bank.bank import cleared_city

    return cleared_city(city)
