"""A small city, committed in a database of its own, and ways to connect to it as each role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture(scope="session")
def city_name(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of a database with the small city on its open day, 2 November 2026."""
    from benchmarks.databases import connected_to, new_database
    from tests.settlement.small_city import found_small_city

    with new_database("city", migrated_database) as name:
        with django_db_blocker.unblock(), connected_to(name):
            found_small_city()
        yield name


@pytest.fixture
def app(city_name: str) -> Iterator[psycopg.Connection[Any]]:
    """psycopg as the application's role; whatever it did is rolled back."""
    from tests.citizencard.database.login import login

    with login(city_name, "citizencard_app") as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(city_name: str) -> Iterator[psycopg.Connection[Any]]:
    """psycopg as the owner of the tables, here a superuser; whatever it did is rolled back."""
    from tests.citizencard.database.login import login

    with login(city_name) as connection:
        yield connection
        connection.rollback()
