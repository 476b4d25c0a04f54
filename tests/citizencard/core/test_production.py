"""A demo does not start in production, whichever process is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
OWN = {
    "CITIZENCARD_ENV": "production",
    "SECRET_KEY": "a-secret-of-the-city's-own",
    "DATABASE_URL": "postgres://city@db.example/city",
    "GATEWAY_API_KEY": "sk_live_own",
    "GATEWAY_WEBHOOK_SECRET": "whsec_own",
}


def start(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {*OWN, "DEBUG"}}
    environment = clean | {name: value for name, value in (OWN | changed).items() if value}
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_with_settings_of_its_own_it_starts() -> None:
    assert start("-c", "import citizencard.wsgi").returncode == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"DEBUG": "1"}, "DEBUG"),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"GATEWAY_API_KEY": ""}, "GATEWAY_API_KEY"),
        ({"GATEWAY_WEBHOOK_SECRET": ""}, "GATEWAY_WEBHOOK_SECRET"),
    ],
)
def test_each_setting_of_the_demo_is_named(changed: dict[str, str], named: str) -> None:
    refused = start("-c", "import citizencard.wsgi", **changed)
    assert refused.returncode != 0
    assert f"does not start in production: {named}" in refused.stderr


def test_the_demo_itself_is_refused() -> None:
    refused = start("manage.py", "demo", "--no-serve")
    assert refused.returncode == 1
    assert "its keys are public" in refused.stderr
