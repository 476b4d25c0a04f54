"""The audit over a million random events: as `manage.py audit_ledger` runs it."""

from __future__ import annotations

from datetime import date

from benchmarks.city import found_city, tap_at_random
from benchmarks.databases import copied_database, execute_as_owner
from benchmarks.timing import Result, Rounds
from settlement.selectors.audit import audit_books

DAY = date(2026, 11, 2)
TAPS, QUICK_TAPS = 1_000_000, 2_000
SECONDS_MAX = 60


def run(tables: str, *, rounds: int, quick: bool) -> Result:
    """Seconds for all rules of all layers; top-ups of every card, then taps of random cards at random merchants.

    `tables` is a database without rows.
    """
    taps = QUICK_TAPS if quick else TAPS
    merchants, cards = taps // 500, taps // 20
    size = {"taps": taps, "topups": cards, "cards": cards, "merchants": merchants}
    result = Result("ledger-audit", f"The audit over {taps:,} random taps", size)
    figures = Rounds()
    with copied_database(tables):
        found_city(DAY, merchants=merchants, cards=cards)
        tap_at_random(DAY, merchants=merchants, cards=cards, taps=taps)
        execute_as_owner("VACUUM (ANALYZE)")
        for _ in range(rounds):
            figures.timed("audit", lambda: _audit(result, taps))
    result.figures = figures.figures()
    result.check(
        f"every audit took less than {SECONDS_MAX} s", max(result.figures["audit"].values) < SECONDS_MAX
    )
    return result


def _audit(result: Result, taps: int) -> None:
    audit = audit_books()
    result.check("the audit is clean", not audit.breaches)
    result.check("it has seen every tap", audit.taps == taps)
