"""A small city whose day can be cleared, in the test's transaction or in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture
def city(db: None) -> date:
    """The small city; the value is its open business date."""
    from tests.settlement.small_city import found_small_city

    return found_small_city()


@pytest.fixture
def own_city(own_database: str) -> date:
    """The same city in a database of its own: everything really commits."""
    from tests.settlement.small_city import found_small_city

    return found_small_city()


@pytest.fixture
def own_database(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A fresh database for one test, dropped afterwards; the value is its DATABASE_URL."""
    from benchmarks.databases import copied_database

    with django_db_blocker.unblock(), copied_database(migrated_database) as url:
        yield url
