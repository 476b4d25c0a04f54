"""A holder, and the policies by which disputes are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore
    from citizencard.core.models import BusinessDay
    from tests.settlement.disputes.cases import Holder
    from tests.terminals.pricing.city import Riding


@pytest.fixture
def lin(open_day: BusinessDay) -> Holder:
    from tests.settlement.disputes.cases import holder, publish_policies

    publish_policies("not_given", "top_up")
    return holder()


@pytest.fixture
def riding(open_day: BusinessDay, demo_keys: KeyStore) -> Riding:
    """Bus, metro, car park and shop, with published fares."""
    from tests.terminals.pricing.city import Riding

    return Riding.found(demo_keys)
