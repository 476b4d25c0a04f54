"""Clearing is killed, repeated and run twice at once: the outcome is that of one quiet run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Journal, Transfer
from benchmarks.city import Purchase, tap
from benchmarks.databases import copied_database
from citizencard.core.calendar import assign_business_date
from settlement.models import ClearingPart, ClearingRun, Statement
from settlement.selectors.audit import CHECKS, broken_invariants
from settlement.selectors.statements import canonical_lines
from settlement.services import clearing
from settlement.services.clearing import clear_day
from terminals.selectors.recheck import RECHECKS
from tests.chaos.forks import CUT_OFF, forked, kill_self
from tests.settlement.small_city import found_small_city

KILLS = [
    ("lock_run", "after"),
    ("cut_off", "after"),
    ("_cut_off", "after"),
    ("recheck", "before"),
    ("recheck", "after"),
    ("net_taps", "after"),
    ("_advance", "after"),
    ("post_statements", "before"),
    ("post_statements", "after"),
    ("_advance", "after"),
    ("plan", "after"),
    ("failing", "after"),
    ("share", "after"),
    ("seal", "after"),
    ("_advance", "after"),
]


def outcome(day: date) -> tuple[list[str], bytes, list[tuple[object, ...]]]:
    """Everything a clearing leaves behind, without numbers that a sequence gave out."""
    transfers = Transfer.objects.filter(business_date=day, kind__gte=Transfer.Kind.FEE)
    return (
        list(canonical_lines(day)),
        bytes(ClearingRun.objects.get(business_date=day).digest or b""),
        sorted(transfers.values_list("kind", "debit_id", "credit_id", "amount_fen", "occurred_at")),
    )


def undisturbed() -> date:
    """One quiet run over the same city."""
    day = found_small_city()
    clear_day(day=day)
    return day


def run_and_die(day: date, place: str, when: str) -> None:
    """Clear in a child that is killed before or after a call of `place`, a function that clearing calls."""

    def run() -> None:
        owner: Any = clearing.calendar if hasattr(clearing.calendar, place) else clearing
        setattr(owner, place, deadly(getattr(owner, place), when))
        clear_day(day=day)

    ended = forked(run)
    if ended == CUT_OFF:  # its connection was gone before it had begun
        ended = forked(run)
    assert ended == -signal.SIGKILL


def deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            function(*args, **kwargs)
        kill_self()

    return wrapper


def test_killed_at_every_boundary_it_ends_as_if_never_killed(own_city: date, migrated_database: str) -> None:
    states = []
    for place, when in KILLS:
        run_and_die(own_city, place, when)
        states.append(ClearingRun.objects.values_list("state", flat=True).first())

    # A step that did not commit has left no trace, one that did is not done again.
    assert states == [
        None, None, "cut_off", "cut_off", "cut_off", "cut_off", "netted", "netted", "netted", "posted", "posted", "posted",
        "posted", "posted",        "cleared",
    ]  # fmt: skip
    run = clear_day(day=own_city)
    assert run.state == ClearingRun.State.CLEARED
    assert broken_invariants() == []
    assert Journal.objects.filter(kind="clearing").count() == 1
    killed = outcome(own_city)
    with copied_database(migrated_database):
        assert outcome(undisturbed()) == killed


@pytest.mark.parametrize("clearers", [2, 6])
def test_runs_at_once_make_one_set_of_statements(own_city: date, clearers: int) -> None:
    together, results, errors = threading.Barrier(clearers), list[bytes](), list[Exception]()

    def clear() -> None:
        try:
            together.wait(10)
            results.append(bytes(clear_day(day=own_city).digest or b""))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=clear) for _ in range(clearers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert len(results) == clearers
    assert len(set(results)) == 1
    assert Statement.objects.count() == 3
    assert Journal.objects.filter(kind="clearing").count() == 1
    assert ClearingPart.objects.exclude(done_at=None).count() == len(CHECKS) + len(RECHECKS) + 1 + 4
    assert broken_invariants() == []


def test_postings_during_the_cut_off_are_in_one_of_the_two_days(own_city: date) -> None:
    stop, taps = threading.Event(), list[date]()

    def keep_tapping() -> None:
        try:
            while not stop.is_set():
                with transaction.atomic():
                    day = assign_business_date()
                    tap(day, [Purchase(1, 1, 1)])
                taps.append(day)
        finally:
            connection.close()

    passenger = threading.Thread(target=keep_tapping)
    passenger.start()
    try:
        while len(taps) < 5:
            assert passenger.is_alive()
        first = clear_day(day=own_city)
    finally:
        stop.set()
        passenger.join(30)
    second = clear_day(day=max(taps))

    assert first.gross_fen == 2_624 + taps.count(own_city)
    assert second.gross_fen == len(taps) - taps.count(own_city)
    assert broken_invariants() == []
