"""One embedded PostgreSQL for the whole run, started before Django reads its settings (unless DATABASE_URL is set)."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from citizencard.embedded.postgres import EmbeddedPostgres

pytest_plugins = ["tests.fixtures_core", "tests.fixtures_accounts", "tests.fixtures_browser"]

_server_key = pytest.StashKey[EmbeddedPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the database and load Django's settings; xdist workers inherit both through the environment."""
    # Named here and not in pyproject.toml: pytest-django would load the settings before any database runs.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citizencard.settings")
    os.environ.setdefault("CELERY_BROKER_URL", "memory://")
    if "DATABASE_URL" not in os.environ:
        server = EmbeddedPostgres(
            Path(tempfile.mkdtemp(prefix="citizencard-tests-")) / "postgres", durable=False
        )
        os.environ["DATABASE_URL"] = server.start()
        config.stash[_server_key] = server
    from django.conf import settings

    _ = settings.DATABASES


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the database this process has started, and remove its data."""
    server = config.stash.get(_server_key, None)
    if server is not None:
        server.stop()
        del os.environ["DATABASE_URL"]
        shutil.rmtree(server.data_dir.parent, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted (`record_property("counted", …)`): tears, forgeries, fuzz runs."""
    reports = terminalreporter.stats.get("passed", [])
    counted = [value for report in reports for name, value in report.user_properties if name == "counted"]
    if counted:
        terminalreporter.section("counted")
        terminalreporter.write_line("\n".join(map(str, counted)))
