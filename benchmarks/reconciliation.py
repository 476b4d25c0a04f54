"""Reconciling one sealed date: purchases against ledger with classified exceptions, next to the bare FULL JOIN of the same rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from functools import partial
from unittest.mock import patch

from django.db import connection, transaction

from benchmarks.city import found_city, tap_many
from benchmarks.databases import connected_to, copied_database, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds
from citizencard.core.calendar import cut_off, seal
from settlement.models import Difference, DifferenceStep
from settlement.selectors.difference_invariants import unrecorded
from settlement.services import reconciling

DAY = date(2026, 11, 2)
TAPS = 2_000_000
QUICK_TAPS = 2_000
# Every hundredth tap of the seeded day is suspended, and every terminal of the day has one purchase more than was uploaded.
SUSPENDED_EVERY = 100
PLAN = "SELECT set_config('work_mem', '256MB', true), set_config('parallel_tuple_cost', '0', true)"
"""As the comparison takes for itself: the raw limit has the same."""
FULL_JOIN = """
SELECT count(*) FROM (SELECT * FROM terminals_tap WHERE business_date = %(day)s) AS tap
FULL JOIN (SELECT * FROM accounts_transfer WHERE business_date = %(day)s AND kind IN (10, 11, 12)) AS moved ON moved.source_id = tap.id
WHERE tap.amount_fen IS DISTINCT FROM moved.amount_fen
"""
TOTALS = """
INSERT INTO terminals_terminaltotal (terminal_id, business_date, from_seq, to_seq, records, total_fen, unfinished, closed_at, received_at)
SELECT terminal_id, business_date, min(terminal_seq), max(terminal_seq) + 1, count(*) + 1, sum(amount_fen) + 200, '{}', now(),
    now() - interval '1 hour'
FROM terminals_tap GROUP BY terminal_id, business_date
"""
STAGES = {
    "_find": "classified exceptions",
    "_compare_records": "exceptions on record",
    "_compare_windows": "terminals' windows",
}
"""The join with its exceptions; the same, and every exception a row with its history; the other leg."""


def run(*, rounds: int, quick: bool) -> Result:
    """Seconds for one date; a fresh copy of it each round."""
    taps = QUICK_TAPS if quick else TAPS
    size = {"taps": taps, "merchants": taps // 500, "cards": taps // 20}
    title = f"Reconciling one business date, {taps:,} purchases with as many transfers"
    result = Result("reconciliation", title, size)
    figures = Rounds()
    with migrated_database() as template:
        with connected_to(template):
            found_city(DAY, merchants=size["merchants"], cards=size["cards"])
            tap_many(DAY, merchants=size["merchants"], cards=size["cards"], taps=taps)
            execute_as_owner(TOTALS, "VACUUM (ANALYZE)")
            cut_off(DAY)
            seal(DAY)
        for _ in range(rounds):
            with copied_database(template):
                _round(figures, result, **size)
    result.figures = figures.figures()
    result.ratio("FULL JOIN / classified exceptions", "FULL JOIN (raw limit)", "classified exceptions")
    result.ratio("FULL JOIN / exceptions on record", "FULL JOIN (raw limit)", "exceptions on record")
    result.ratio("FULL JOIN / reconciling", "FULL JOIN (raw limit)", "reconciling")
    return result


def _round(figures: Rounds, result: Result, *, taps: int, merchants: int, cards: int) -> None:
    _join()  # a fresh copy is cold
    figures.timed("FULL JOIN (raw limit)", _join)
    with ExitStack() as patched:
        for name, stage in STAGES.items():
            patched.enter_context(
                patch.object(reconciling, name, _timed(figures, stage, getattr(reconciling, name)))
            )
        figures.timed("reconciling", lambda: reconciling.reconcile_day(day=DAY))
    found = Difference.objects.filter(kind="hot_listed").count()
    result.check("every suspended purchase is a difference", found == taps // SUSPENDED_EVERY)
    missing = Difference.objects.filter(kind="missing_upload", count=1).count()
    result.check("every terminal's missing upload is a difference", missing == merchants)
    result.check("nothing else is", Difference.objects.count() == found + missing)
    result.check("nothing that is found is off the record", list(unrecorded()) == [])
    figures.timed("reconciling again", lambda: reconciling.reconcile_day(day=DAY))
    result.check("reconciling again changes nothing", DifferenceStep.objects.count() == found + missing)


def _timed(figures: Rounds, stage: str, work: Callable[..., None]) -> Callable[..., None]:
    return lambda *args: figures.timed(stage, partial(work, *args))


@transaction.atomic
def _join() -> None:
    with connection.cursor() as cursor:
        cursor.execute(PLAN)
        cursor.execute(FULL_JOIN, {"day": DAY})
        cursor.fetchall()
