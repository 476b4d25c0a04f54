"""Fixtures for everything that touches accounts: an open business day, and a way to clean an append-only database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import pytest

from citizencard.core.keyservice.client import KeyServiceClient

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from pytest_django.plugin import DjangoDbBlocker

    from citizencard.core.models import BusinessDay

TODAY = date(2026, 3, 2)
"""The business day the tests play on."""

_PARTITIONED = ("accounts_transfer", "terminals_tap", "terminals_refusal")


@pytest.fixture
def open_day(db: None) -> BusinessDay:
    from citizencard.core.calendar import open_business_day

    return open_business_day(TODAY)


@pytest.fixture
def committed(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, key_service: KeyServiceClient
) -> Iterator[None]:
    """A database where transactions really commit (threads, other processes), emptied afterwards.

    pytest-django's own `transactional_db` cannot do it: append-only tables refuse the TRUNCATE.
    """
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            empty_database()


def empty_database() -> None:
    """Drop the daily partitions and truncate every other table, with the append-only triggers off."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent::regclass::text = ANY(%s) AND inhrelid::regclass::text !~ '_idx|_pkey'",
            [list(_PARTITIONED)],
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {partition}")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        kept = {"django_migrations", "django_content_type", "auth_permission", *_PARTITIONED}
        names = ", ".join(f'"{name}"' for (name,) in cursor.fetchall() if name not in kept)
        cursor.execute(f"TRUNCATE {names} CASCADE")
        cursor.execute("SET session_replication_role = DEFAULT")
