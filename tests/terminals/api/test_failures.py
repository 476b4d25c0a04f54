"""A database that is away is 503 and when to come again, in front of every view and inside it; never a bare 500."""

from __future__ import annotations

from contextlib import AbstractContextManager
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client

from tests.terminals.field import Field, deliver

SILENT = Client(raise_request_exception=False)
CUT_OFF = OperationalError("the server closed the connection")


def broken_by(error: Exception) -> AbstractContextManager[object]:
    """Every look into the database fails so."""
    return patch.object(connection, "ensure_connection", side_effect=error)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/taps"), ("GET", "/api/v1/terminal")])
def test_a_terminal_is_told_to_come_again(field: Field, method: str, path: str) -> None:
    request = field.signed(method, path, b"{}")
    with broken_by(CUT_OFF):
        answer = deliver(request, SILENT)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer["Content-Type"] == "application/problem+json"
    assert int(answer["Retry-After"]) > 0
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_person_is_told_to_come_again(db: None) -> None:
    SILENT.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    with broken_by(CUT_OFF):
        answer = SILENT.get("/")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


def test_a_bug_stays_a_bug(field: Field) -> None:
    request = field.signed("POST", "/api/v1/taps", b"{}")
    with broken_by(ZeroDivisionError("a bug")):
        answer = deliver(request, SILENT)
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "Retry-After" not in answer
