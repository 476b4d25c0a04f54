"""Clearing one business date, next to the bare GROUP BY over its taps and to reading them at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from unittest.mock import patch

from django.db import connection
from django.db.models import Q

from benchmarks.city import found_city, tap_many
from benchmarks.databases import connected_to, copied_database, execute_as_owner, migrated_database
from benchmarks.field import KEY_VERSION
from benchmarks.tacs import prove_taps
from benchmarks.timing import Result, Rounds
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.audit import broken_invariants
from settlement.services import clearing

DAY = date(2026, 11, 2)
TAPS = 1_000_000
QUICK_TAPS = 2_000
SCAN = "SELECT count(*), sum(amount_fen) FROM terminals_tap WHERE business_date = %s"
GROUP_BY = "SELECT merchant_id, count(*), sum(amount_fen) FROM terminals_tap WHERE business_date = %s GROUP BY merchant_id"
# Every hundredth tap of the seeded day is suspended.
SUSPENDED_EVERY = 100
STAGES = {"net_taps": "netting", "post_statements": "posting", "_follow_up": "what follows sealing"}


def run(*, rounds: int, quick: bool) -> Result:
    """Seconds for one day; a fresh copy of the same day each round."""
    taps = QUICK_TAPS if quick else TAPS
    merchants, cards = taps // 500, taps // 20
    size = {"taps": taps, "merchants": merchants, "cards": cards}
    result = Result("clearing", f"Clearing one business date of {taps:,} taps", size)
    figures, digests = Rounds(), set[bytes]()
    with migrated_database() as template:
        with connected_to(template):
            found_city(DAY, merchants=merchants, cards=cards)
            tap_many(DAY, merchants=merchants, cards=cards, taps=taps, key_version=KEY_VERSION)
            prove_taps(DAY)
            execute_as_owner("VACUUM (ANALYZE)")
        for _ in range(rounds):
            with copied_database(template):
                digests.add(_round(figures, result, taps))
    result.check("every round made the same statements", len(digests) == 1)
    result.figures = figures.figures()
    result.ratio("netting / GROUP BY", "netting", "GROUP BY (raw limit)")
    result.ratio("scan / netting", "scan (raw limit)", "netting")
    result.ratio("recheck of the rest / netting", "recheck of the rest", "netting")
    result.ratio("clearing / GROUP BY", "clearing", "GROUP BY (raw limit)")
    return result


def _round(figures: Rounds, result: Result, taps: int) -> bytes:
    # A fresh copy is cold: read it once before anything is timed.
    for query in SCAN, GROUP_BY, "SELECT sum(amount_fen) FROM accounts_transfer WHERE business_date = %s":
        _query(query, DAY)
    figures.timed("scan (raw limit)", lambda: _query(SCAN, DAY))
    figures.timed("GROUP BY (raw limit)", lambda: _query(GROUP_BY, DAY))
    with _stages_timed(figures):
        figures.timed("clearing", lambda: clearing.clear_day(day=DAY))
    _add_parts(figures, taps)
    run = ClearingRun.objects.get(business_date=DAY)
    result.check("every earned tap is in a statement", run.taps == taps - taps // SUSPENDED_EVERY)
    result.check("the audit is clean", broken_invariants() == [])
    result.check("clearing again changes nothing", clearing.clear_day(day=DAY).digest == run.digest)
    return bytes(run.digest or b"")


def _add_parts(figures: Rounds, taps: int) -> None:
    """What the run has put on record of its parts, done by one worker."""
    parts, tacs = ClearingPart.objects.filter(run_id=DAY), Q(step="recheck", name__startswith="TACs")
    stages = {
        "recheck of TACs": tacs,
        "recheck of the rest": Q(step="recheck") & ~tacs,
        "checks": Q(step="check"),
    }
    for name, chosen in stages.items():
        figures.add(name, sum(part.seconds or 0 for part in parts.filter(chosen)), "s")
    figures.add("TACs proved again", taps / sum(part.seconds or 0 for part in parts.filter(tacs)))


@contextmanager
def _stages_timed(figures: Rounds) -> Iterator[None]:
    """Time the steps inside a run without changing it."""

    def timed(stage: str, work: Callable[..., None]) -> Callable[..., None]:
        return lambda *args, **kwargs: figures.timed(stage, partial(work, *args, **kwargs))

    with ExitStack() as patched:
        for name, stage in STAGES.items():
            patched.enter_context(patch.object(clearing, name, timed(stage, getattr(clearing, name))))
        yield


def _query(query: str, day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, [day])
        cursor.fetchall()
