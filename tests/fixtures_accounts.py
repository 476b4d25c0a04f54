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

_PARTITIONED = (
    "accounts_transfer",
    "terminals_tap",
    "terminals_refusal",
    "terminals_farecharge",
    "terminals_fareshare",
)


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


def drop_daily_partitions() -> None:
    """Remove what opening business days and posting has made outside of Django's tables; flushing does not."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.inhrelid::regclass::text FROM pg_inherits child "
            "JOIN pg_class parent ON parent.oid = child.inhparent WHERE parent.relname = ANY(%s)",
            [list(_PARTITIONED)],
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {partition}")
        cursor.execute(
            "SET session_replication_role = replica; TRUNCATE accounts_tally, accounts_closing;"
            "SET session_replication_role = DEFAULT"
        )
