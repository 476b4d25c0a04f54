"""`/healthz` says whether a tap could be taken now."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.test import Client

from citizencard.core.calendar import open_business_day
from tests.fixtures_accounts import TODAY
from tests.fixtures_core import KeyServiceProcess


def test_all_is_well_with_database_keys_and_an_open_day(db: None, client: Client) -> None:
    open_business_day(TODAY)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(answer.json()["checks"]) == {"database", "key_service", "open_day"}


def test_without_an_open_day_it_is_not_well(db: None, client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["checks"]["open_day"]) == (503, "failed")


def test_without_keys_it_is_not_well(db: None, client: Client, settings: Any) -> None:
    open_business_day(TODAY)
    settings.KEY_SERVICE_SOCKET = "/nonexistent/keys.sock"
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "key_service": "failed", "open_day": "ok"}


def test_a_sealed_key_service_is_named(db: None, client: Client, settings: Any) -> None:
    open_business_day(TODAY)
    with TemporaryDirectory(prefix="cc-keys-") as folder:
        service = KeyServiceProcess(Path(folder) / "keys.sock", "--state", f"{folder}/state")
        service.start()
        try:
            settings.KEY_SERVICE_SOCKET = str(service.socket_path)
            answer = client.get("/healthz")
        finally:
            service.stop()
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "key_service": "sealed", "open_day": "ok"}
