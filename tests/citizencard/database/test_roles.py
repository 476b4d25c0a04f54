"""Who connects as whom: the owner migrates, everybody else is the application, and production insists on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.core.checks import run_checks
from django.db import connection
from pytest_django import DjangoDbBlocker

from citizencard.core.environment import embedded_urls
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.roles import as_owner, powers
from tests.citizencard.database.login import login

PROJECT = Path(__file__).resolve().parents[3]
POWERS = ["is a superuser", "owns tables", "may create in schema public", "may change append-only tables"]


def url(database: str, role: str) -> str:
    """The address of a database for a process of its own."""
    from benchmarks.databases import address

    where = address()
    password = f":{quote(where['password'])}" if where["password"] else ""
    host = quote(str(where["host"]), safe="")
    return f"postgres://{role}{password}@/{database}?host={host}&port={where['port'] or 5432}"


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` on the database that the environment names."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.django_db
def test_a_superuser_has_every_power_over_the_ledger() -> None:
    user = connection.settings_dict["USER"]
    assert powers(connection) == [f"{user} {power}" for power in POWERS]


@pytest.mark.django_db
def test_deployment_is_warned_of_each_power() -> None:
    found = [message for message in run_checks(include_deployment_checks=True) if message.id == "core.W001"]
    assert [message.msg.partition(" citizencard ")[2] for message in found] == [f"{p}." for p in POWERS]
    assert not [message for message in run_checks() if message.id == "core.W001"]


def test_an_unreachable_database_is_said_and_no_crash(tmp_path: Path) -> None:
    checked = manage(
        "check", "--deploy", DATABASE_URL=f"postgres://x@/x?host={quote(str(tmp_path), safe='')}"
    )
    assert "core.W002" in checked.stderr
    assert "Traceback" not in checked.stderr


PRODUCTION = {
    "CITIZENCARD_ENV": "production",
    "SECRET_KEY": "a-secret-of-the-city's-own",
    "GATEWAY_API_KEY": "sk_live_own",
    "GATEWAY_WEBHOOK_SECRET": "whsec_own",
}


def test_production_works_as_the_application_only(city_name: str) -> None:
    app, owner = url(city_name, "citizencard_app"), url(city_name, connection.settings_dict["USER"])
    served = manage("clearsessions", DATABASE_URL=app, **PRODUCTION)
    assert served.returncode == 0, served.stderr
    refused = manage("clearsessions", DATABASE_URL=owner, **PRODUCTION)
    assert refused.returncode == 1
    assert "does not work in production as this DATABASE_URL's role: " in refused.stderr
    assert all(power in refused.stderr for power in POWERS)
    # Only `migrate` and `grant_roles` are the owner, and only while they are at it.
    granted = manage("grant_roles", DATABASE_URL=app, DATABASE_OWNER_URL=owner, **PRODUCTION)
    assert granted.returncode == 0, granted.stderr
    without = manage("grant_roles", DATABASE_URL=app, **PRODUCTION)
    assert without.returncode == 1
    assert without.stderr.strip() == (
        "CommandError: citizencard_app is not to own the tables: DATABASE_OWNER_URL names who does."
    )


def test_the_embedded_database_is_used_as_the_application(tmp_path: Path) -> None:
    urls = embedded_urls(tmp_path)
    assert urls.database.startswith("postgres://citizencard_app@")
    assert urls.database_owner.startswith("postgres://citizencard@")


@pytest.mark.django_db(transaction=True)
def test_another_roles_connection_ends_with_its_block(settings: Any) -> None:
    def user() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user || ' ' || current_database()")
            return str(cursor.fetchone()[0])

    me = user()
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    settings.DATABASE_OWNER = {"USER": "citizencard_app", "OPTIONS": options, "NAME": "elsewhere"}
    with as_owner():
        assert user() == f"citizencard_app {me.partition(' ')[2]}"
        assert powers(connection) == [], "the application has none of the powers"
    assert user() == me
    with pytest.raises(psycopg.errors.DivisionByZero), as_owner():
        raise psycopg.errors.DivisionByZero
    assert user() == me


@pytest.fixture
def operators_database(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[str, str]]:
    """An empty database and its owner, who is no superuser and may make no roles, as an operator would have it."""
    from benchmarks.databases import address

    name, owner = f"city_{os.getpid()}", f"city_owner_{os.getpid()}"
    with (
        django_db_blocker.unblock(),
        psycopg.connect(**address() | {"dbname": "postgres"}, autocommit=True) as admin,  # type: ignore[arg-type]
    ):
        admin.execute(f"CREATE ROLE {owner} LOGIN")
        admin.execute(f"CREATE DATABASE {name} OWNER {owner}")
        try:
            yield name, owner
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP ROLE {owner}")


@pytest.mark.slow
def test_a_whole_day_runs_as_the_application_on_an_operators_server(
    operators_database: tuple[str, str], key_service: KeyServiceClient, tmp_path: Path, settings: Any
) -> None:
    """Cards sold, orders paid and loaded onto chips, taps sent in batches, two days cleared, audited."""
    name, owner = operators_database
    app = {
        "DATABASE_URL": url(name, "citizencard_app"),
        "CITIZENCARD_STATE": str(tmp_path),
        "KEY_SERVICE_SOCKET": settings.KEY_SERVICE_SOCKET,
    }
    migrated = manage("migrate", DATABASE_OWNER_URL=url(name, owner), **app)
    assert migrated.returncode == 0, migrated.stderr
    played = manage("simulate", "--citizens", "4", "--days", "2", "--seed", "3", **app)
    assert played.returncode == 0, played.stderr
    audited = manage("audit_ledger", **app)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    with login(name, owner) as books:
        days = books.execute("SELECT count(*) FROM core_businessday WHERE state = 'closed'").fetchone()
        loads = books.execute(
            "SELECT count(*) >= 4 FROM accounts_topuporder WHERE state = 'confirmed'"
        ).fetchone()
        taps = books.execute("SELECT count(*) > 10 FROM terminals_tap").fetchone()
    assert (days, loads, taps) == ((2,), (True,), (True,))
