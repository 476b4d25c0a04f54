"""Clearing and audit from the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from citizencard.core.models import BusinessDay
from settlement.models import ClearingRun
from settlement.services.clearing import clear_day

PROJECT = Path(__file__).resolve().parents[2]


def run(*words: str) -> str:
    output = io.StringIO()
    call_command(*words, stdout=output)
    return output.getvalue()


def test_clear_day_shows_the_settlement(city: date) -> None:
    shown = run("clear_day", city.isoformat())
    assert "Merchant 2" in shown
    assert "26.21" in shown
    assert "2026-11-02 cleared, 5 taps, digest " in shown
    assert run("clear_day", city.isoformat()) == shown


def test_clear_day_due_catches_up_to_today(city: date, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils import timezone

    noon = timezone.make_aware(timezone.datetime(2026, 11, 4, 12))
    monkeypatch.setattr("settlement.services.clearing.calendar.database_time", lambda: noon)
    run("clear_day", "--due")
    assert ClearingRun.objects.filter(state="cleared").count() == 2
    assert run("clear_day", "--due") == "No business date is due.\n"


@pytest.mark.parametrize("words", [["clear_day"], ["clear_day", "yesterday"], ["clear_day", "2026-11-31"]])
def test_a_wrong_argument_is_explained(db: None, words: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*words)


def test_clear_day_of_an_unknown_date_is_one_sentence(city: date) -> None:
    with pytest.raises(CommandError, match="2030-01-01") as refused:
        run("clear_day", "2030-01-01")
    assert "Traceback" not in str(refused.value)


def test_open_day_opens_the_first_day_only(db: None) -> None:
    assert run("open_day", "2026-11-02") == "2026-11-02 open\n"
    assert run("open_day", "2026-11-02") == "2026-11-02 open\n"
    with pytest.raises(CommandError, match="clear_day 2026-11-02"):
        run("open_day", "2026-11-05")
    assert BusinessDay.objects.count() == 1


def test_a_clean_audit_says_what_it_saw(city: date) -> None:
    clear_day(day=city)
    shown = run("audit_ledger")
    assert "clean: " in shown
    assert "7 taps, 2 dates" in shown
    assert "0.00" in shown


def test_a_broken_audit_lists_the_breaches_and_exits_with_1(city: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_purse SET balance_fen = balance_fen + 7")
    output = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("audit_ledger", stdout=output)
    assert exited.value.code == 1
    assert "4 broken" in output.getvalue()
    assert "a purse holds the sum of its transfers: 3104397090000000001" in output.getvalue()


def test_the_audit_as_json_is_for_machines(city: date) -> None:
    clear_day(day=city)
    result = json.loads(run("audit_ledger", "--json"))
    assert (result["clean"], result["breaches"], result["taps"]) == (True, [], 7)
    assert sum(row["debit_fen"] - row["credit_fen"] for row in result["trial_balance"]) == 0


@pytest.mark.slow
def test_the_commands_work_as_processes(own_city: date, own_database: str) -> None:
    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATABASE_URL": own_database}
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )

    assert manage("clear_day", own_city.isoformat()).returncode == 0
    assert manage("audit_ledger").returncode == 0
    failed = manage("clear_day", (own_city - timedelta(days=1)).isoformat())
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_purse SET balance_fen = balance_fen + 7")
    assert manage("audit_ledger", "--json").returncode == 1
