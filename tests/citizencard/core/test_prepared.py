"""The short way to PostgreSQL: really prepared, in the caller's transaction, with Django's errors."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from citizencard.core.prepared import fetch_one

pytestmark = pytest.mark.django_db


def test_a_repeated_call_is_prepared_on_the_server() -> None:
    for number in range(8):
        assert fetch_one("SELECT %s::int + 1 AS prepared_here", [number]) == (number + 1,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS prepared_here'")
        assert cursor.fetchone() == (1,)


def test_it_is_part_of_the_transaction() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE seen (number integer)")
    with transaction.atomic():
        assert fetch_one("INSERT INTO seen VALUES (%s) RETURNING number", [7]) == (7,)
        transaction.set_rollback(True)
    assert fetch_one("SELECT count(*) FROM seen", []) == (0,)


def test_errors_are_djangos() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        fetch_one(
            "INSERT INTO core_businessday (date, state, opened_at) VALUES ('2026-01-01', 'x', now()) RETURNING 1",
            [],
        )


def test_a_row_is_expected() -> None:
    with pytest.raises(LookupError):
        fetch_one("SELECT 1 WHERE false", [])


def test_a_broken_transaction_takes_nothing() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            fetch_one("SELECT 1", [])
