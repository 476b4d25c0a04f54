"""Databases to throw away: a migrated one, and copies of a prepared one.

Ledger and statements refuse to be emptied, so whoever commits and wants to start over takes a copy.
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

from citizencard.core.roles import as_owner

TABLES = "tables"
"""A database with all tables and nothing in them, where a server has been prepared with one: see tests/cluster.py."""
_numbers = itertools.count(1)


@contextmanager
def new_database(purpose: str, template: str = "template1") -> Iterator[str]:
    """An empty database, or a copy of one that nobody may be using; yields its name."""
    name = f"{purpose}_{os.getpid()}_{next(_numbers)}"
    _administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    try:
        yield name
    finally:
        _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def migrated_database() -> Iterator[str]:
    """A database with the tables and nothing else; yields its name."""
    with owner_connection("postgres") as admin:
        prepared = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TABLES]).fetchone()
    if prepared is not None:
        with new_database("migrated", TABLES) as name:
            yield name
        return
    with new_database("migrated") as name:
        with connected_to(name):
            call_command("migrate", interactive=False, verbosity=0)
        yield name


@contextmanager
def copied_database(template: str) -> Iterator[str]:
    """Point Django at a new copy of `template`, which nobody may be using; yields the copy's DATABASE_URL."""
    with new_database("copy", template) as name, connected_to(name):
        yield database_url()


def replace_database(template: str) -> None:
    """Replace the database Django is connected to by a new copy of `template`, whatever else is connected to it."""
    name = str(connection.settings_dict["NAME"])
    with reconnected():
        _administer(
            f'DROP DATABASE "{name}" WITH (FORCE)',
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy',
        )


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Point Django at another database of the same server, for all threads."""
    before = connection.settings_dict["NAME"]
    with reconnected():
        connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        with reconnected():
            connection.settings_dict["NAME"] = before


@contextmanager
def reconnected() -> Iterator[None]:
    """Change Django's way to the database: its connections are closed, the next one is made anew."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's connections have one
    yield


def database_url() -> str:
    """Where Django is connected to, for a process of its own."""
    return _url(_address(), str(connection.settings_dict["NAME"]))


def owner_url(name: str) -> str:
    """The owner's way to a database of the same server."""
    return _url(address(), name)


def address() -> dict[str, str | None]:
    """Host, port, user and password of the owner of Django's database, who may do what the application may not."""
    with as_owner():
        return _address()


def owner_connection(name: str | None = None) -> psycopg.Connection:
    """A connection of the owner's to a database, Django's unless told otherwise; each statement commits."""
    name = name or str(connection.settings_dict["NAME"])
    return psycopg.connect(**address(), dbname=name, autocommit=True)  # type: ignore[arg-type]  # str or None


def execute_as_owner(*statements: str) -> None:
    """Run what the application's role may not: make a table, write a checkpoint."""
    with owner_connection() as owner:
        for statement in statements:
            owner.execute(statement)


def _url(where: dict[str, str | None], name: str) -> str:
    login = quote(str(where["user"])) + (f":{quote(where['password'])}" if where["password"] else "")
    host, port = quote(str(where["host"]), safe=""), where["port"] or 5432
    return f"postgres://{login}@/{name}?host={host}&port={port}"


def _address() -> dict[str, str | None]:
    parameters = connection.get_connection_params()
    found = {name: parameters.get(name) for name in ("host", "port", "user", "password")}
    return {name: None if value is None else str(value) for name, value in found.items()}


def _administer(*statements: str) -> None:
    with owner_connection("postgres") as admin:
        for statement in statements:
            admin.execute(statement)
