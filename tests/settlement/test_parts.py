"""The parts of a night: each check finds what it is for, parts are done once, and what nobody works on is called for."""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import BusinessDay
from settlement.errors import AuditBroken
from settlement.locks import lock_run
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.audit import CHECKS, failing
from settlement.selectors.runs import progress
from settlement.services import clearing
from settlement.services.clearing import clear_day
from settlement.services.parts import Looked
from settlement.tasks import watch_clearing
from terminals.selectors.recheck import RECHECKS
from tests.settlement.test_audit import tamper

_ANOTHER = "(SELECT min(id) FROM accounts_ledgeraccount)"


def posted(day: date) -> None:
    """Clear up to the checks."""
    run = clearing._cut_off(day)
    clearing._shared(run, ClearingPart.Step.RECHECK, ["nothing"], lambda part: Looked([]))
    clearing._advance(day)
    assert clearing._advance(day).state == ClearingRun.State.POSTED


def found_by(day: date) -> set[str]:
    return {check for check in CHECKS if failing(check, day=day)}


def test_an_honest_date_passes(city: date) -> None:
    posted(city)
    assert found_by(city) == set()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("UPDATE accounts_transfer SET debit_id = 0 WHERE kind = 20", "transfers"),
        ("UPDATE accounts_transfer SET journal_id = 0 WHERE kind = 20", "transfers"),
        ("UPDATE accounts_transfer SET kind = 5 WHERE kind = 11", "transfers"),
        ("DELETE FROM core_businessday WHERE state = 'closing'", "transfers"),
        ("DELETE FROM accounts_transfer WHERE kind IN (20, 21)", "tallies"),
        ("UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE kind = 20", "tallies"),
        ("UPDATE accounts_tally SET debit_fen = debit_fen + 1, credit_fen = credit_fen + 1", "tallies"),
        ("UPDATE terminals_tap SET batch_id = 0 WHERE amount_fen = 350", "taps"),
        ("UPDATE terminals_tap SET card_id = 0 WHERE amount_fen = 0", "taps"),
        ("DELETE FROM terminals_tap WHERE amount_fen = 350", "transfers of taps"),
        ("UPDATE terminals_tap SET amount_fen = 351 WHERE amount_fen = 350", "transfers of taps"),
        ("UPDATE terminals_tap SET outcome = 2 WHERE amount_fen = 350", "transfers of taps"),
        ("UPDATE terminals_tap SET id = id + 100000 WHERE amount_fen = 350", "transfers of taps"),
        ("DELETE FROM accounts_transfer WHERE kind = 12", "transfers of taps"),
        (f"UPDATE accounts_transfer SET credit_id = {_ANOTHER} WHERE kind = 10 AND amount_fen = 350", "transfers of taps"),
        (f"UPDATE accounts_transfer SET debit_id = {_ANOTHER} WHERE kind = 11", "transfers of taps"),
        ("DELETE FROM terminals_tap WHERE amount_fen = 0", "records"),
        ("UPDATE accounts_purse SET balance_fen = balance_fen + 1", "standing"),
        ("UPDATE settlement_statement SET fee_fen = fee_fen + 1, net_fen = net_fen - 1 WHERE gross_fen > 0", "statements"),
    ],
)  # fmt: skip
def test_each_check_finds_what_it_is_for(city: date, change: str, check: str) -> None:
    posted(city)
    tamper(change)
    assert check in found_by(city)
    with pytest.raises(AuditBroken):
        clear_day(day=city)


def test_the_past_is_not_read_again(city: date) -> None:
    clear_day(day=city)
    tamper("UPDATE terminals_tap SET amount_fen = 351 WHERE amount_fen = 350")
    assert clear_day(day=city + timedelta(days=1)).state == ClearingRun.State.CLEARED


def test_every_step_is_on_record_with_its_parts(city: date) -> None:
    before = {step.step: (step.done, step.parts) for step in progress(city)}
    assert before == {
        "cut_off": (0, 1),
        "recheck": (0, len(RECHECKS) + 1),
        "net": (0, 1),
        "post": (0, 1),
        "check": (0, len(CHECKS)),
        "seal": (0, 1),
    }
    clear_day(day=city)
    clear_day(day=city)
    assert {step.step: step.done for step in progress(city)} == {
        step: parts for step, (_, parts) in before.items()
    }
    assert all(step.workers == 1 and step.finished_at for step in progress(city))
    assert ClearingPart.objects.filter(done_at=None).count() == 0


def test_what_was_found_is_looked_for_again(city: date) -> None:
    posted(city)
    tamper("UPDATE accounts_purse SET balance_fen = balance_fen + 1")
    with pytest.raises(AuditBroken):
        clear_day(day=city)
    assert ClearingPart.objects.exclude(findings=[]).get().name == "standing"
    tamper("UPDATE accounts_purse SET balance_fen = balance_fen - 1")
    assert clear_day(day=city).state == ClearingRun.State.CLEARED
    assert not ClearingPart.objects.exclude(findings=[]).exists()


def open_before(day: date) -> None:
    BusinessDay.objects.filter(date=day).update(opened_at=datetime.combine(day, time(), SHANGHAI))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr("settlement.tasks.clear_due_days.delay", lambda: sent.append("clear_due_days"))
    return sent


def at(monkeypatch: pytest.MonkeyPatch, day: date, hour: int, minute: int) -> None:
    moment = datetime.combine(day + timedelta(days=1), time(hour, minute), SHANGHAI)
    monkeypatch.setattr("settlement.selectors.runs.database_time", lambda: moment)


def test_a_date_whose_message_was_lost_is_called_for_again(
    city: date, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_before(city)
    at(monkeypatch, city, 0, 29)
    assert watch_clearing() == []
    at(monkeypatch, city, 0, 31)
    assert watch_clearing() == [city.isoformat()]
    assert called == ["clear_due_days"]


def test_a_run_that_stands_still_is_called_for_and_a_sealed_one_is_not(city: date, called: list[str]) -> None:
    assert watch_clearing() == []  # made up for: nobody has begun it
    posted(city)
    assert watch_clearing() == [city.isoformat()]
    clear_day(day=city)
    assert watch_clearing() == []


def test_a_date_that_is_worked_on_is_left_alone(
    own_city: date, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    posted(own_city)
    monkeypatch.setattr("settlement.tasks.is_idle", elsewhere(own_city))
    with transaction.atomic():
        lock_run(own_city)
        assert watch_clearing() == []
    assert watch_clearing() == [own_city.isoformat()]


def elsewhere(day: date) -> Any:
    """`is_idle` asked by another connection, as another worker asks it."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from settlement.locks import is_idle

    def ask(asked: date) -> bool:
        try:
            return is_idle(asked)
        finally:
            connection.close()

    def in_a_thread(asked: date) -> bool:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(ask, asked).result()

    return in_a_thread


def test_what_is_late_sounds_the_alarm(
    city: date, called: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_before(city)
    at(monkeypatch, city, 5, 59)
    watch_clearing()
    assert not caplog.records
    at(monkeypatch, city, 6, 1)
    with caplog.at_level(logging.ERROR):
        watch_clearing()
    assert str(city) in caplog.records[-1].getMessage()


def test_follow_shows_every_step(own_city: date) -> None:
    out, bars = StringIO(), StringIO()
    call_command("clear_day", own_city.isoformat(), "--follow", stdout=out, stderr=bars)
    assert f"{len(CHECKS)}/{len(CHECKS)}" in bars.getvalue()
    assert "cleared" in out.getvalue()


def test_follow_needs_a_date() -> None:
    with pytest.raises(CommandError, match="--follow needs a DATE"):
        call_command("clear_day", "--due", "--follow")
