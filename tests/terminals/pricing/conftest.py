"""A city to ride in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore
    from tests.terminals.pricing.city import Riding


@pytest.fixture
def riding(open_day: None, demo_keys: KeyStore) -> Riding:
    """Bus, metro, car park and shop, with published fares."""
    from tests.terminals.pricing.city import Riding

    return Riding.found(demo_keys)
