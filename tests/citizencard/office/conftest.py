"""A city's money to look after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.citizencard.bridge.conftest import house

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore
    from tests.citizencard.office.money import Money

__all__ = ["house", "money"]


@pytest.fixture
def money(db: None, _quick_passwords: None, demo_keys: KeyStore) -> Money:
    """One citizen with everything, and one of each thing that waits."""
    from tests.citizencard.office.money import found_money

    return found_money()
