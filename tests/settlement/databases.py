"""Databases of their own for tests that really commit.

Ledger and statements refuse TRUNCATE, so such a test cannot be cleaned up after: it takes a copy.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
from django.core.management import call_command
from django.db import connection

_numbers = itertools.count(1)


@contextmanager
def migrated_database() -> Iterator[str]:
    """A database with the tables and nothing else; yields its name."""
    with _database(f"migrated_{os.getpid()}") as name:
        with _connected_to(name):
            call_command("migrate", interactive=False, verbosity=0)
        yield name


@contextmanager
def copied_database(template: str) -> Iterator[str]:
    """Point Django at a new copy of `template`; yields the copy's DATABASE_URL."""
    with _database(f"copy_{os.getpid()}_{next(_numbers)}", template) as name, _connected_to(name):
        yield database_url()


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    before = connection.settings_dict["NAME"]
    _disconnect()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        _disconnect()
        connection.settings_dict["NAME"] = before


@contextmanager
def _database(name: str, template: str = "template1") -> Iterator[str]:
    _administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield name
    finally:
        _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def database_url() -> str:
    """Where Django is connected to, for a process of its own."""
    where = _address()
    login = quote(where["user"]) + (f":{quote(where['password'])}" if where["password"] else "")
    name = connection.settings_dict["NAME"]
    return f"postgres://{login}@/{name}?host={quote(where['host'], safe='')}&port={where['port'] or 5432}"


def _disconnect() -> None:
    connection.close()
    connection.close_pool()


def _administer(statement: str) -> None:
    with psycopg.connect(**_address(), dbname="postgres", autocommit=True) as admin:
        admin.execute(statement)


def _address() -> dict[str, str | None]:
    parameters = connection.get_connection_params()
    return {name: parameters.get(name) for name in ("host", "port", "user", "password")}
