"""The recheck 复核 of a frozen date, in parts: its TACs by ranges of taps, its counters, batches, prices and caps by rule.

A range is as long on any day, so that a part's time and memory are bounded and a large day has more parts for more workers.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db import connection

from settlement.selectors.audit import allow_work_memory
from settlement.services.parts import Looked
from terminals.selectors.recheck import RECHECKS, refound
from terminals.services.acceptance.recheck import recheck_tacs

TAPS: Final = 1_000_000
"""How many numbers of taps a part proves the TACs of."""
_RANGE: Final = "TACs from "
_BOUNDS: Final = "SELECT min(id), max(id) FROM terminals_tap WHERE business_date = %s"


def recheck_parts(day: date) -> list[str]:
    """The names of the parts of a frozen date."""
    with connection.cursor() as cursor:
        cursor.execute(_BOUNDS, [day])
        first, last = cursor.fetchone()
    ranges = [] if first is None else range(first, last + 1, TAPS)
    return [*(f"{_RANGE}{start}" for start in ranges), *RECHECKS]


def recheck(part: str, *, day: date) -> Looked:
    """Look through one part, in the caller's transaction. Raises KeyServiceUnavailable."""
    if not part.startswith(_RANGE):
        allow_work_memory()
        return Looked(refound(part, day=day))
    first = int(part.removeprefix(_RANGE))
    return Looked(*recheck_tacs(day=day, first=first, past=first + TAPS))
