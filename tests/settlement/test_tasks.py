"""The nightly task, run by a real Celery worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker

from citizencard.celery import app
from citizencard.core import calendar
from settlement.models import ClearingRun, Statement
from settlement.tasks import clear_day, clear_due_days

SECONDS_MAX = 30
CONSUMER_TIMEOUT_SECONDS = 30 * 60
"""How long RabbitMQ waits for an acknowledgement unless told otherwise."""


@pytest.fixture
def worker(own_city: date) -> Iterator[Any]:
    """A worker thread on a broker in memory."""
    assert app.conf.broker_url == "memory://"
    with start_worker(app, perform_ping_check=False, loglevel="ERROR", shutdown_timeout=30) as running:
        yield running


def wait_until_cleared(day: date) -> ClearingRun:
    deadline = monotonic() + SECONDS_MAX
    while monotonic() < deadline:
        run = ClearingRun.objects.filter(business_date=day, state="cleared").first()
        if run:
            return run
        sleep(0.05)
    raise AssertionError(f"{day} was not cleared in {SECONDS_MAX} s")


def test_a_worker_clears_the_day(own_city: date, worker: Any) -> None:
    clear_day.delay(own_city.isoformat())
    assert wait_until_cleared(own_city).taps == 5


def test_a_task_delivered_three_times_clears_once(own_city: date, worker: Any) -> None:
    for _ in range(3):
        clear_day.delay(own_city.isoformat())
    clear_day.delay((own_city + timedelta(days=1)).isoformat())
    wait_until_cleared(own_city + timedelta(days=1))
    assert Statement.objects.count() == 3


def test_the_nightly_task_clears_every_due_day(
    own_city: date, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = datetime.combine(own_city + timedelta(days=3), time(0, 30), calendar.SHANGHAI)
    monkeypatch.setattr("settlement.services.clearing.calendar.database_time", lambda: early)
    clear_due_days.delay()
    wait_until_cleared(own_city + timedelta(days=2))
    assert ClearingRun.objects.count() == 3


def test_beat_sends_the_nightly_task_and_nothing_can_be_lost() -> None:
    assert app.conf.beat_schedule["clear-business-day"]["task"] == clear_due_days.name
    assert clear_due_days.name in app.tasks
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result
    assert app.conf.worker_max_tasks_per_child
    assert app.conf.worker_soft_shutdown_timeout > 0
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit < CONSUMER_TIMEOUT_SECONDS
