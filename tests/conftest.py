"""One embedded PostgreSQL for the whole run, named before Django reads its settings (unless DATABASE_URL is set)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster import RunServer, migrated_cluster

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.client import KeyServiceClient

pytest_plugins = ["tests.fixtures_core", "tests.fixtures_accounts", "tests.fixtures_browser"]

IDS_APART = 1_000_000
"""So many rows no test makes."""
_server_key = pytest.StashKey[RunServer]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the database and load Django's settings; xdist workers inherit both through the environment."""
    # Named here and not in pyproject.toml: pytest-django would load the settings before any database is named.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
    os.environ.setdefault("CELERY_BROKER_URL", "memory://")
    if "DATABASE_URL" not in os.environ:
        config.stash[_server_key] = server = RunServer()
        server.start()
    from django.conf import settings

    _ = settings.DATABASES


@pytest.hookimpl(trylast=True)  # pytest-django has an order of its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that none of them ends last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the database this process has started, and remove its data."""
    server = config.stash.get(_server_key, None)
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def cluster() -> Path | None:
    """A data directory with all tables, for a server of one's own; None where the run's server is not ours to copy."""
    return migrated_cluster()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, cluster: Path | None
) -> None:
    """The databases of tests are copies of the migrated one."""
    from django.db import connection

    from benchmarks.databases import TABLES

    if cluster is not None:
        connection.settings_dict["TEST"]["TEMPLATE"] = TABLES


@pytest.fixture(scope="session")
def django_db_setup(key_service: KeyServiceClient, django_db_setup: None) -> Iterator[str]:
    """The database of the tests, and an untouched copy of it, whose name is the value; beside it the key service.

    Whatever works on the database may seal personal data or check a TAC. Begun under the settings of one test (a live
    server has some), the service would be forgotten with them.
    A test that commits is given a new copy: ledger and statements refuse to be emptied, and it takes a tenth of the time.
    """
    from django.db import connection
    from django.test import TransactionTestCase

    from benchmarks.databases import new_database, reconnected, replace_database

    with reconnected():
        pass  # nobody may be using what is copied
    with (
        new_database("clean", str(connection.settings_dict["NAME"])) as clean,
        pytest.MonkeyPatch.context() as patch,
    ):
        replaced = itertools.count(1)

        def replace(self: TransactionTestCase) -> None:
            replace_database(clean)
            # What is remembered by a row's number must not be found under another's.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT setval(oid::regclass, %s) FROM pg_class"
                    " WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace",
                    [next(replaced) * IDS_APART],
                )

        patch.setattr(TransactionTestCase, "_fixture_teardown", replace)
        yield clean


@pytest.fixture(scope="session")
def migrated_database(django_db_setup: str) -> str:
    """The name of a migrated, empty database to copy."""
    return django_db_setup


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted (`record_property("counted", …)`): tears, forgeries, fuzz runs."""
    reports = terminalreporter.stats.get("passed", [])
    counted = [value for report in reports for name, value in report.user_properties if name == "counted"]
    if counted:
        terminalreporter.section("counted")
        terminalreporter.write_line("\n".join(map(str, counted)))
