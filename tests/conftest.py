"""One embedded PostgreSQL for the whole run, named before Django reads its settings (unless DATABASE_URL is set)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster import RunServer, migrated_cluster

pytest_plugins = ["tests.fixtures_core", "tests.fixtures_accounts", "tests.fixtures_browser"]

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted (`record_property("counted", …)`): tears, forgeries, fuzz runs."""
    reports = terminalreporter.stats.get("passed", [])
    counted = [value for report in reports for name, value in report.user_properties if name == "counted"]
    if counted:
        terminalreporter.section("counted")
        terminalreporter.write_line("\n".join(map(str, counted)))
