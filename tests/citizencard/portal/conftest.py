"""A household in front of the portal, and the gateway behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import responses

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import CardProduct
    from citizencard.core.keyservice.keystore import KeyStore
    from citizencard.core.models import BusinessDay
    from tests.citizencard.portal.household import Resident
    from tests.citizencard.sandbox.wsgi import Sandbox


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    """The network, on which only the gateway is."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        yield net


@pytest.fixture
def gateway(net: responses.RequestsMock) -> Sandbox:
    """The sandbox gateway without a socket; its call-backs go nowhere."""
    from tests.citizencard.sandbox.wsgi import ANYWHERE, Sandbox

    sandbox = Sandbox()
    for method in (responses.GET, responses.POST):
        net.add_callback(method, ANYWHERE, sandbox.answer)
    return sandbox


@pytest.fixture
def product(open_day: BusinessDay, demo_keys: KeyStore) -> CardProduct:
    """The citizen card with an online account, and the rules for it."""
    from tests.citizencard.portal.household import publish_rules

    return publish_rules()


@pytest.fixture
def lin(product: CardProduct) -> Resident:
    """The citizen most tests look over the shoulder of."""
    from tests.citizencard.portal.household import resident

    return resident("林美玲", product)


@pytest.fixture
def chen(product: CardProduct) -> Resident:
    """Somebody else."""
    from tests.citizencard.portal.household import resident

    return resident("陈大同", product)
