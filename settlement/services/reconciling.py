"""Three-way reconciliation 三方对账 of a sealed date: every difference that the joins find becomes a row, every row stays.

A date is compared in one transaction under one lock for all, so a kill at any moment leaves it compared or not, and comparing
again changes nothing. What needs no whole date (the bank, what later data explain) is looked at each time.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.models import BusinessDay
from settlement.errors import NotReconcilable
from settlement.locks import lock_reconciliation
from settlement.models import Reconciliation
from settlement.selectors import difference_queries as queries
from settlement.selectors.difference_kinds import OWNERS
from settlement.selectors.differences import days_to_compare

ACTOR: Final = "reconciliation"
"""Who takes the steps that nobody decides."""
_UNDER_WAY: Final = timedelta(minutes=10)
"""A total that is received while a date is compared may not be seen yet: it is looked for once more."""
# A table is filled in parallel when it is made by the query; that few rows leave the join, the planner cannot know.
_PLAN: Final = "SELECT set_config('work_mem', '256MB', true), set_config('parallel_tuple_cost', '0', true)"
_FIND: Final = f"CREATE TEMPORARY TABLE found ON COMMIT DROP AS {queries.RECORDS}"
_CHANGE: Final = f"""
UPDATE settlement_difference AS known
SET count = found.count, ours_fen = found.ours_fen, theirs_fen = found.theirs_fen, transfer_id = found.transfer_id,
    sequences = found.sequences, state = 'open', actor = %(actor)s, reason = '', proposed_by = '', decided_by = '', closed_at = NULL
FROM found WHERE known.kind = found.kind AND known.subject = found.subject AND (
    (known.count, known.ours_fen, known.theirs_fen) IS DISTINCT FROM (found.count, found.ours_fen, found.theirs_fen)
    OR known.state = 'explained' AND NOT {queries.EXPLAINED})
"""  # noqa: S608  constants only
_OPEN: Final = f"""
INSERT INTO settlement_difference ({queries.COLUMNS}, owner, state, actor, reason, proposed_by, decided_by)
SELECT DISTINCT ON (kind, subject) {queries.COLUMNS}, %(owners)s::jsonb ->> kind, 'open', %(actor)s, '', '', ''
FROM found WHERE NOT EXISTS (
    SELECT FROM settlement_difference AS known WHERE known.kind = found.kind AND known.subject = found.subject)
ORDER BY kind, subject
"""  # noqa: S608  constants only
_EXPLAIN: Final = f"""
UPDATE settlement_difference AS known
SET state = 'explained', actor = %(actor)s, reason = '', proposed_by = '', decided_by = '', closed_at = %(now)s
WHERE state IN ('open', 'proposed') AND {queries.EXPLAINED}
"""  # noqa: S608  constants only


@transaction.atomic
def reconcile_day(*, day: date, now: datetime | None = None) -> Reconciliation:
    """Compare a sealed business date, leg by leg, and look at everything open. Raises NotReconcilable: the date is not sealed."""
    now = now or timezone.now()
    lock_reconciliation()
    if not BusinessDay.objects.filter(date=day, state=BusinessDay.State.CLOSED).exists():
        raise NotReconcilable(date=day)
    _run(_PLAN)
    _compare_records(day)
    _compare_windows(day)
    made, _new = Reconciliation.objects.update_or_create(
        business_date=day, defaults={"counted_at": now - _UNDER_WAY}
    )
    _follow(now)
    return made


def reconcile_due_days(*, now: datetime | None = None) -> list[date]:
    """Compare every sealed date that was not, and those for which a terminal's total came later; then look at everything open."""
    now = now or timezone.now()
    days = days_to_compare()
    for day in days:
        reconcile_day(day=day, now=now)
    if not days:
        with transaction.atomic():
            lock_reconciliation()
            _follow(now)
    return days


def _find(day: date) -> None:
    """Where purchases and ledger do not fit, in one join."""
    _run(_FIND, day=day)


def _compare_records(day: date) -> None:
    """Purchases and ledger, and what was refused."""
    _find(day)
    _run(f"INSERT INTO found {queries.REFUSALS}", day=day)
    _keep()


def _compare_windows(day: date) -> None:
    """What the terminals told, after the refusals, which are part of what came."""
    _run(queries.COUNT_WINDOWS, day=day)
    for query in queries.TOTALS, queries.UNCOVERED:
        _run(f"INSERT INTO found {query}", day=day)
    _keep()
    _run("DROP TABLE found")


def _follow(now: datetime) -> None:
    """The bank, and what later data explain."""
    _run(f"CREATE TEMPORARY TABLE found ON COMMIT DROP AS {queries.BANK}")
    _keep()
    _run("DROP TABLE found")
    _run(_EXPLAIN, now=now, actor=ACTOR)


def _keep() -> None:
    """What was found is a row from now on; a row that is there keeps its history."""
    _run(_CHANGE, actor=ACTOR)
    _run(_OPEN, owners=json.dumps(OWNERS), actor=ACTOR)
    _run("DELETE FROM found")


def _run(statement: str, **values: str | date | datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
