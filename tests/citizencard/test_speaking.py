"""A command that cannot do its work says why in a sentence and ends with 1; nobody reads a trace."""

from __future__ import annotations

import pytest
import responses
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.utils import ConnectionHandler

from citizencard.management.commands import repair_topups


@responses.activate
def test_a_gateway_that_does_not_answer_is_a_sentence(db: None) -> None:
    with pytest.raises(CommandError, match="支付网关没有响应"):
        call_command("match_topups", "2026-03-02")


def test_a_file_that_is_not_there_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="/no/such/file: No such file or directory"):
        call_command("import_bank_statement", "/no/such/file", actor="finance")


def test_a_database_that_is_away_is_a_sentence(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    away = settings.DATABASES["default"] | {"HOST": "127.0.0.1", "PORT": "1", "OPTIONS": {}}
    gone = ConnectionHandler({"default": away})["default"]
    monkeypatch.setattr(repair_topups, "repair_topups", lambda now: gone.ensure_connection())
    with pytest.raises(CommandError, match="The database cannot be asked: connection"):
        call_command("repair_topups")
