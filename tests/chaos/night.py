"""T1c, T9, T10 and T13: the night is killed at every step, cleared by many hosts at once, loses its broker, and is asked by wrong clocks."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Journal
from benchmarks.city import tap
from benchmarks.databases import connected_to, copied_database, execute_as_owner, new_database
from citizencard.celery import app
from citizencard.core import calendar
from citizencard.core.models import BusinessDay
from settlement.models import ClearingRun, Statement
from settlement.selectors.audit import broken_invariants
from settlement.services import clearing, netting
from settlement.tasks import clear_day as clear_day_task
from tests.chaos.crew import Crew, disturb, on_duty, use_broker
from tests.chaos.figures import Pair
from tests.chaos.forks import begin, ended, forked
from tests.chaos.gateway import gateway_file
from tests.chaos.hosts import HERE, Host, hosts
from tests.chaos.house import TEMPLATE, House, disconnect, wait_for_database
from tests.chaos.rabbit import PROGRAM, URL, Rabbit
from tests.chaos.stories.nights import PURCHASES, STATEMENTS, STORIES, left_behind, night_city
from tests.chaos.walks import Walk, kill_the_database, kill_the_process


@dataclass(frozen=True)
class Size:
    """How much is done: one of so many steps is killed at, and so many dates are cleared by so many workers and beats."""

    every: int
    dates: int
    workers: int
    beats: int
    kills: int
    clocks: int


SMALL: Final = Size(every=90, dates=5, workers=1, beats=1, kills=2, clocks=24)
FULL: Final = Size(every=1, dates=500, workers=10, beats=2, kills=200, clocks=240)
HOSTS: Final = ("server", "worker1", "worker2", "worker3", "beat1", "beat2")
EMBEDDED: Final = "pgmq://"
BROKER_KILLS, BROKER_WIPES = 20, 3
DATABASE_KILLS: Final = 10
CALLED_AGAIN_S: Final = 60
"""A watcher calls for what a broker has lost within a minute after it is back."""


def run(house: House, *, full: bool) -> Iterator[Pair]:
    """At every step first, then in a crowd, then with clocks that are wrong; with RabbitMQ and hosts at full size."""
    size = FULL if full else SMALL
    with patch.object(settings, "KEY_SERVICE_ROLE", "worker"):
        yield _killed_at_every_step(house, size)
        with _nights(size.dates) as template:
            expected = _quiet(template, size.dates)
            yield _cleared_by_a_crowd(house, template, expected, size)
            if full:
                yield from _on_many_hosts(house, template, expected, size)
        yield _asked_by_wrong_clocks(size)


def _killed_at_every_step(house: House, size: Size) -> Pair:
    safe, unsafe = list[Walk](), list[Walk]()
    for story in STORIES:
        with _world() as file:
            safe += [
                kill_the_process(story, file, every=size.every),
                kill_the_database(story, file, house, every=size.every),
            ]
            if breaches := broken_invariants():
                safe[-1].partial["audit"] = [str(breach) for breach in breaches]
    for story in STORIES if size.every == 1 else STORIES[-1:]:  # the quicker one to show it
        with _world() as file:
            unsafe.append(kill_the_process(story, file, every=max(size.every // 8, 1), atomic=False))
    found, control = _totals(safe), _totals(unsafe)
    return Pair(
        name="T1c the night killed at its steps",
        done=f"a date cleared and its payouts made, approved and sent, interrupted {found[0]} times",
        lost=found[1],
        control=f"every statement a transaction of its own, {control[0]} times",
        control_lost=control[1],
        found=tuple(
            f"{walk.story}, {step}: {faults}" for walk in safe for step, faults in walk.partial.items()
        ),
    )


def _totals(walks: list[Walk]) -> tuple[int, int]:
    """Kills, and partial effects."""
    return sum(walk.kills for walk in walks), sum(len(walk.partial) for walk in walks)


@contextmanager
def _world() -> Iterator[Any]:
    with copied_database(TEMPLATE), gateway_file() as file:
        yield file


@contextmanager
def _nights(dates: int) -> Iterator[str]:
    """A database in which so many dates were tapped and cut off, and none is cleared; its name."""
    with new_database("nights", TEMPLATE) as name:
        with connected_to(name):
            day = night_city()
            for _ in range(dates):
                tap(day, PURCHASES)
                calendar.cut_off(day)
                day += timedelta(days=1)
        yield name


def _quiet(template: str, dates: int) -> dict[date, str]:
    """What one undisturbed process leaves of each date."""
    with copied_database(template):
        clearing.clear_due_days(today=_days(dates)[-1] + timedelta(days=1))
        return {day: left_behind(day) for day in _days(dates)}


def _days(dates: int) -> list[date]:
    return list(BusinessDay.objects.order_by("date").values_list("date", flat=True)[:dates])


def _cleared_by_a_crowd(house: House, template: str, expected: dict[date, str], size: Size) -> Pair:
    """T9 on this machine, with the embedded broker."""
    with _log(house) as log, copied_database(template):
        workers, beats = [HERE] * size.workers, [HERE] * size.beats
        with on_duty(EMBEDDED, log, workers=workers, beats=beats) as crew:
            seconds = disturb(
                crew,
                lambda: _all_cleared(len(expected)),
                kills=size.kills,
                seconds_max=60 + 6 * size.dates,
            )
        wrong = _wrong(expected)
    return _pair(
        "T9 cleared by a crowd", f"embedded broker, {_told(crew, size, seconds)}", wrong, template, size
    )


def _on_many_hosts(house: House, template: str, expected: dict[date, str], size: Size) -> Iterator[Pair]:
    """T1c, T9 and T10 with RabbitMQ, each host in a network namespace of its own. Takes root and Debian's package."""
    if not PROGRAM.exists() or os.geteuid() != 0:
        raise SystemExit("the full size takes root, iproute2, socat and rabbitmq-server")
    with hosts(list(HOSTS)) as made, _log(house) as log:
        broker = Rabbit(house.state / "rabbit", made["server"])
        broker.start()
        try:
            workers = [made[f"worker{1 + number % 3}"] for number in range(size.workers)]
            yield _with_rabbit(
                house, log, broker, template, expected, size, workers, [made["beat1"], made["beat2"]]
            )
            yield _acknowledged_early(log, template, size, workers[:2])
        finally:
            broker.kill()


def _with_rabbit(
    house: House, log: Any, broker: Rabbit, template: str, expected: dict[date, str], size: Size, workers: list[Host], beats: list[Host]
) -> Pair:  # fmt: skip
    deaths = list[int]()

    def strike(number: int) -> None:
        if number % (size.kills // BROKER_KILLS) == 0:
            broker.kill(wipe=broker.wipes < BROKER_WIPES and number % 3 == 0)
            broker.start()
        elif number % (size.kills // DATABASE_KILLS) == 1:
            house.kill_database()
            deaths.append(number)
            house.start_database()
            wait_for_database()

    with copied_database(template):
        with on_duty(URL, log, workers=workers, beats=beats) as crew:
            seconds = disturb(
                crew, lambda: _all_cleared(len(expected)), kills=size.kills, seconds_max=600 + 6 * size.dates, strikes=strike,
            )  # fmt: skip
        wrong = _wrong(expected)
    done = f"RabbitMQ killed {broker.kills} times, {broker.wipes} of them wiped, database {len(deaths)} times, {_told(crew, size, seconds)}"
    return _pair("T1c, T9, T10 on six hosts", done, wrong, template, size)


def _acknowledged_early(log: Any, template: str, size: Size, workers: list[Host]) -> Pair:
    """One message a date and nobody who watches: what late acknowledgement keeps, early acknowledgement loses."""
    left = {early: _by_messages_alone(log, template, size, workers, early=early) for early in (False, True)}
    return Pair(
        name="T1c one message a date",
        done=f"{size.dates} messages, no beat, workers killed {size.kills // 4} times, RabbitMQ",
        lost=left[False],
        control="acknowledged before the work",
        control_lost=left[True],
    )


def _by_messages_alone(log: Any, template: str, size: Size, workers: list[Host], *, early: bool) -> int:
    """How many dates are left when nobody clears any more."""
    with copied_database(template):
        days = _days(size.dates)

        def ask() -> None:
            workers[0].enter()
            use_broker(URL)
            app._after_fork()  # what is connected to another broker is forgotten
            app.control.purge()  # what beats have sent before
            for day in days:
                clear_day_task.apply_async((day.isoformat(),), ignore_result=True)

        if forked(ask) != 0:
            raise SystemExit("nobody could be asked to clear")
        standing = _Standing(size.dates)
        with on_duty(URL, log, workers=workers, beats=[], alone=True, early=early) as crew:
            disturb(crew, standing, kills=size.kills // 4, seconds_max=60 + 3 * size.dates)
        return size.dates - _cleared()


class _Standing:
    """Whether all is cleared, or nothing was for a while."""

    def __init__(self, dates: int, patience_s: float = 20) -> None:
        self._dates, self._patience_s = dates, patience_s
        self._last, self._since = -1, time.monotonic()

    def __call__(self) -> bool:
        now = _cleared()
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        return now >= self._dates or time.monotonic() - self._since > self._patience_s

    def wait_for_one(self) -> None:
        """Until one more date is cleared: whoever is killed then is at work."""
        before = self._last
        while not self() and self._last == before:
            time.sleep(0.02)


def _pair(name: str, done: str, wrong: list[str], template: str, size: Size) -> Pair:
    doubled = _doubled_without_protection(template)
    return Pair(
        name=name,
        done=done,
        lost=len(wrong),
        control="without the run's lock and the keys of the database",
        control_lost=doubled,
        found=tuple(wrong[:5]),
    )


def _doubled_without_protection(template: str) -> int:
    """Two processes look whether a date was netted and then net it: how many dates have statements twice."""
    with copied_database(template):
        days = _days(5)
        execute_as_owner(
            "ALTER TABLE settlement_statement DROP CONSTRAINT one_statement_per_merchant_and_date",
            "ALTER TABLE settlement_position DROP CONSTRAINT position_once",
        )
        for day in days:
            at = time.monotonic() + 0.3
            for child in [begin(lambda day=day, at=at: _net_unprotected(day, at)) for _ in range(2)]:  # type: ignore[misc]
                ended(child)
        return sum(Statement.objects.filter(run_id=day).count() > STATEMENTS for day in days)


def _net_unprotected(day: date, at: float) -> None:
    connection.ensure_connection()
    time.sleep(max(at - time.monotonic(), 0))
    with transaction.atomic(), patch.object(netting, "lock_rules"):
        ClearingRun.objects.bulk_create([ClearingRun(business_date=day)], ignore_conflicts=True)
    with transaction.atomic(), patch.object(netting, "lock_rules"):
        run = ClearingRun.objects.get(business_date=day)
        if run.state == ClearingRun.State.CUT_OFF:
            netting.net_taps(run=run)
            run.net()
            run.save()


def _asked_by_wrong_clocks(size: Size) -> Pair:
    """T13: hosts whose clocks are up to 400 days wrong ask for what is due; only the database's clock counts."""
    wrong = naive = 0
    with copied_database(TEMPLATE):
        today = calendar.shanghai(calendar.database_time()).date()
        calendar.open_business_day(today)
        for moment in _moments(size.clocks):
            with patch.object(timezone, "now", lambda moment=moment: moment):
                wrong += len(clearing.clear_due_days())
                naive += calendar.shanghai(moment).date() > today
        wrong += ClearingRun.objects.count() + (BusinessDay.objects.get().date != today)
    return Pair(
        name="T13 wrong clocks",
        done=f"{size.clocks} times of a host, from 400 days ago to 400 days ahead, steps back, ends of months and years",
        lost=wrong,
        control="by the host's own clock",
        control_lost=naive,
    )


def _moments(number: int) -> list[datetime]:
    """Hosts' times: ends of months, years and February, five minutes round midnight, and any others."""
    now, chosen = calendar.database_time(), random.Random(13)
    ends = [
        datetime(year, month, 1, tzinfo=calendar.SHANGHAI) for year in (2026, 2027, 2028) for month in (1, 3)
    ]
    edges = [end + timedelta(minutes=minutes) for end in ends for minutes in (-5, 0, 5)]
    return [*edges, *(now + timedelta(days=chosen.uniform(-400, 400)) for _ in range(number))][:number]


def _cleared() -> int:
    return BusinessDay.objects.filter(state=BusinessDay.State.CLOSED).count()


def _all_cleared(dates: int) -> bool:
    return _cleared() >= dates


def _wrong(expected: dict[date, str]) -> list[str]:
    """Dates that are missing, were done twice, or have left something else than a quiet run; and what the audit finds."""
    journals = Journal.objects.filter(kind="clearing")
    wrong = [f"{day} left something else" for day, left in expected.items() if not _is(day, left)]
    if journals.count() != len(expected):
        wrong.append(f"{journals.count()} journals")
    return wrong + [str(breach) for breach in broken_invariants()]


def _is(day: date, left: str) -> bool:
    run = ClearingRun.objects.filter(business_date=day, state=ClearingRun.State.CLEARED)
    return (
        run.exists()
        and Statement.objects.filter(run_id=day).count() == STATEMENTS
        and left_behind(day) == left
    )


def _told(crew: Crew, size: Size, seconds: float) -> str:
    killed = ", ".join(f"{whom} {times}" for whom, times in crew.killed.items())
    return (
        f"{size.dates} dates, {size.workers} workers, {size.beats} beats in {seconds:.0f} s, killed: {killed}"
    )


@contextmanager
def _log(house: House) -> Iterator[Any]:
    folder = house.state / "crew"
    folder.mkdir(exist_ok=True)
    yield folder
    disconnect()
