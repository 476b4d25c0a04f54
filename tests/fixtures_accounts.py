"""Fixtures for everything that touches accounts: an open business day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.models import BusinessDay

TODAY = date(2026, 3, 2)
"""The business day the tests play on."""


@pytest.fixture
def open_day(db: None) -> BusinessDay:
    from citizencard.core.calendar import open_business_day

    return open_business_day(TODAY)


@pytest.fixture
def prepared_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes to the database by the short way, which Django's own counting does not see."""
    from accounts.services import ledger, limits
    from citizencard.core.prepared import fetch_one

    calls: list[str] = []

    def counting(query: str, values: Sequence[object], **how: bool) -> tuple[Any, ...]:
        calls.append(query)
        return fetch_one(query, values, **how)

    for module in ledger, limits:
        monkeypatch.setattr(module, "fetch_one", counting)
    return calls
