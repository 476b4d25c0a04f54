"""Differences of the three-way reconciliation: what is open and how old, and what the legs of a date come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Abs

from settlement.models import Difference
from settlement.selectors.difference_kinds import TERMS, Leg

BUCKETS: Final = (1, 3, 7, 30)
"""Days after which an open difference is in the next bucket."""
STANDING: Final = (Difference.State.OPEN, Difference.State.PROPOSED)

# Sealed and never compared, or compared before a total came of a terminal that has batches on the date. Every pass looks at
# all totals since a day before the pass before it, so none is forgotten.
_DUE: Final = """
SELECT date FROM core_businessday WHERE state = 'closed' AND date NOT IN (SELECT business_date FROM settlement_reconciliation)
UNION
SELECT batch.business_date FROM terminals_terminaltotal AS told
JOIN terminals_batch AS batch ON batch.terminal_id = told.terminal_id AND batch.business_date >= told.business_date - 1
JOIN settlement_reconciliation AS done ON done.business_date = batch.business_date AND done.counted_at < told.received_at
WHERE told.received_at > (SELECT max(counted_at) - interval '1 day' FROM settlement_reconciliation)
UNION
SELECT told.business_date FROM terminals_terminaltotal AS told
JOIN settlement_reconciliation AS done ON done.business_date = told.business_date AND done.counted_at < told.received_at
WHERE told.received_at > (SELECT max(counted_at) - interval '1 day' FROM settlement_reconciliation)
ORDER BY 1
"""
_FIGURES: Final = """
SELECT
    (SELECT count(DISTINCT terminal_id) FROM terminals_terminaltotal WHERE business_date = %(day)s),
    (SELECT coalesce(sum(records), 0) FROM terminals_terminaltotal WHERE business_date = %(day)s),
    (SELECT coalesce(sum(total_fen), 0) FROM terminals_terminaltotal WHERE business_date = %(day)s),
    (SELECT coalesce(sum(accepted + suspended), 0) FROM terminals_batch WHERE business_date = %(day)s AND state = 'processed'),
    (SELECT coalesce(sum(duplicate + rejected), 0) FROM terminals_batch WHERE business_date = %(day)s AND state = 'processed'),
    (SELECT coalesce(sum(gross_fen - online_fen + suspended_fen), 0) FROM settlement_statement WHERE run_id = %(day)s),
    (SELECT coalesce(sum(net_fen), 0) FROM settlement_statement WHERE run_id = %(day)s),
    (SELECT coalesce(sum(amount_fen), 0) FROM settlement_payoutorder AS o JOIN settlement_payoutbatch AS batch ON batch.id = o.batch_id
        WHERE batch.through = %(day)s AND o.state <> 'dropped'),
    (SELECT coalesce(sum(-signed_fen), 0) FROM settlement_bankentry AS entry JOIN settlement_payoutorder AS o ON o.id = entry.order_id
        JOIN settlement_payoutbatch AS batch ON batch.id = o.batch_id WHERE batch.through = %(day)s AND entry.what = 'payout'),
    (SELECT coalesce(sum(signed_fen), 0) FROM settlement_bankentry AS entry JOIN settlement_payoutorder AS o ON o.id = entry.order_id
        JOIN settlement_payoutbatch AS batch ON batch.id = o.batch_id WHERE batch.through = %(day)s AND entry.what = 'return'),
    (SELECT count(*) FROM accounts_topupdifference WHERE closed_at IS NULL AND first_seen <= %(day)s)
"""


@dataclass(frozen=True, slots=True)
class LegFigures:
    """The three columns of a date: what terminals told, what centre and ledger have, what the bank shows. Amounts in fen.

    `ledger_fen` is what the date's purchases moved, `net_fen` what statements owe, `ordered_fen` what was ordered to be paid for
    the date, `paid_fen` and `returned_fen` what the bank booked of it. `top_ups` counts open differences of the top-up match.
    """

    terminals: int
    told_records: int
    told_fen: int
    posted_records: int
    refused_records: int
    ledger_fen: int
    net_fen: int
    ordered_fen: int
    paid_fen: int
    returned_fen: int
    top_ups: int


@dataclass(frozen=True, slots=True)
class KindLine:
    """Differences of one kind on one date."""

    kind: str
    leg: Leg
    standing: int
    standing_fen: int
    closed: int


def days_to_compare() -> list[date]:
    """Sealed dates that wait for their comparison, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        return [day for (day,) in cursor.fetchall()]


def open_differences() -> QuerySet[Difference]:
    """What is neither explained nor resolved, oldest first."""
    return Difference.objects.filter(state__in=STANDING).order_by("since", "pk")


def is_over_age(now: datetime) -> Q:
    """Whether a difference that is open has been so for longer than its kind may be."""
    late = Q()
    for kind, terms in TERMS.items():
        late |= Q(kind=kind, since__lt=now - timedelta(days=terms.days))
    return late


def over_age(now: datetime) -> QuerySet[Difference]:
    """Open for longer than its kind may be."""
    return open_differences().filter(is_over_age(now))


def age_days(difference: Difference, now: datetime) -> int:
    """Whole days from its first sight to its end, or until now."""
    return max(((difference.closed_at or now) - difference.since).days, 0)


def bucket_of(days: int) -> int:
    """The largest of BUCKETS that `days` have reached; 0 on the first day."""
    return max((each for each in BUCKETS if days >= each), default=0)


def leg_figures(day: date) -> LegFigures:
    """What each leg of a date comes to, from what was counted already: no purchase is read."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"day": day})
        return LegFigures(*map(int, cursor.fetchone()))


def kinds_of_day(day: date) -> list[KindLine]:
    """The date's differences by kind, in the order of the kinds; kinds without any are left out."""
    lines: dict[str, list[int]] = {}
    rows = Difference.objects.filter(business_date=day).values("kind", "state")
    totals = rows.annotate(rows=Count("pk"), stake=Sum(Abs(F("ours_fen") - F("theirs_fen"))))
    for row in totals:
        line = lines.setdefault(row["kind"], [0, 0, 0])
        if row["state"] in STANDING:
            line[0] += row["rows"]
            line[1] += row["stake"]
        else:
            line[2] += row["rows"]
    return [KindLine(kind, terms.leg, *lines[kind]) for kind, terms in TERMS.items() if kind in lines]
