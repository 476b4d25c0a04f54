"""A bank, and an active mandate on the account purse of a citizen's card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Mandate
    from citizencard.core.models import BusinessDay
    from tests.accounts.mandates.bank import Bank


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The bank that mandates and collections talk to."""
    from accounts.services import direct_debit, mandates
    from tests.accounts.mandates.bank import Bank

    bank = Bank()
    for module in (mandates, direct_debit):
        monkeypatch.setattr(module, "configured_gateway", lambda: bank)
    return bank


@pytest.fixture
def make_mandate(bank: Bank, open_day: BusinessDay) -> Callable[..., Mandate]:
    """Makes active mandates, agreed to at the bank."""
    from accounts.services import mandates
    from tests.accounts.mandates.asking import ask_for_mandate, make_purse
    from tests.factories import NOON

    def make(kind: str = "account", **changes: Any) -> Mandate:
        mandate = ask_for_mandate(make_purse(kind), **changes)
        mandates.start_mandate(mandate=mandate)
        bank.agree(f"seti_{mandate.reference}")
        return mandates.confirm_mandate(mandate=mandate, now=NOON)

    return make


@pytest.fixture
def mandate(make_mandate: Callable[..., Mandate]) -> Mandate:
    """An active mandate on an account purse."""
    return make_mandate()
