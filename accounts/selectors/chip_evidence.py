"""What a chip on the reader says, held against the ledger.

The chip can be behind the books only by purchases that have not been uploaded, and those leave gaps in its counters. It can
be ahead of them only by a load whose proof is outstanding. Anything else is tampering.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, models
from django.db.models import Sum

from accounts.models import Card, Purse, TopUpOrder, Transfer
from citizencard.core.calendar import shanghai

_COUNTERS: Final = """
SELECT seen.next, coalesce(
    (SELECT array_agg(ARRAY[lower(gap), upper(gap) - 1] ORDER BY lower(gap))
     FROM unnest(int4multirange(int4range(0, greatest(%(atc)s, seen.next))) - purse.offline_seen) AS gap), '{}')
FROM accounts_purse AS purse, LATERAL (SELECT coalesce(upper(purse.offline_seen), 0) AS next) AS seen
WHERE purse.id = %(purse)s
"""


@dataclass(frozen=True, slots=True)
class ChipReading:
    """What the chip on the reader says of itself: purse balance (fen), next offline ATC, and when it was read.

    Whoever reads it has first made sure that the chip is the card's own.
    """

    balance_fen: int
    offline_atc: int
    read_at: datetime


@dataclass(frozen=True, slots=True)
class ChipEvidence:
    """`missing`: offline counters that have not arrived, as closed ranges; without a reading, those between counters seen.

    `used`: some purchase was counted, by the chip or by us. `matched`: the chip was read, shows what the books hold, and
    nothing is missing. `tampered`: the figures the books cannot explain, or None.
    """

    missing: tuple[tuple[int, int], ...]
    used: bool
    matched: bool
    tampered: dict[str, int] | None


def weigh_chip(*, card: Card, purse: Purse, reading: ChipReading | None) -> ChipEvidence:
    """Hold a reading of the card's chip against its purse as the books have it now.

    A reading may be older than the books: what was spent after it is added back before comparing.
    """
    next_counter, missing = _counters(purse, reading.offline_atc if reading else 0)
    if reading is None:
        return ChipEvidence(missing, next_counter > 0, matched=False, tampered=None)
    used = max(next_counter, reading.offline_atc) > 0
    then_fen = purse.balance_fen + _spent_since(purse, reading.read_at)
    torn_fen = _sum_fen(card.topups.filter(state=TopUpOrder.State.LOADED))
    # Once the refund is requested the reading is of the past: later taps have later counters.
    counts_backwards = card.state != Card.State.REFUNDING and reading.offline_atc < next_counter
    if reading.balance_fen > then_fen + torn_fen or counts_backwards:
        figures = {
            "chip_balance_fen": reading.balance_fen,
            "ledger_balance_fen": then_fen,
            "load_under_way_fen": torn_fen,
            "chip_offline_atc": reading.offline_atc,
            "next_counter_by_the_books": next_counter,
        }
        return ChipEvidence(missing, used, matched=False, tampered=figures)
    return ChipEvidence(missing, used, matched=not missing and reading.balance_fen == then_fen, tampered=None)


def _counters(purse: Purse, chip_atc: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The counter after the highest that has arrived, and the gaps below it and below the chip's own."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTERS, {"purse": purse.pk, "atc": chip_atc})
        next_counter, gaps = cursor.fetchone()
    return next_counter, tuple((first, last) for first, last in gaps)


def _spent_since(purse: Purse, since: datetime) -> int:
    """Fen. A tap of an earlier day may be posted to any later one, never to an earlier."""
    earliest = shanghai(since).date() - timedelta(days=1)
    spent = Transfer.objects.filter(
        debit_id=purse.account_id, business_date__gte=earliest, occurred_at__gt=since
    )
    return _sum_fen(spent)


def _sum_fen(rows: models.QuerySet[Transfer] | models.QuerySet[TopUpOrder]) -> int:
    return int(rows.aggregate(total=Sum("amount_fen"))["total"] or 0)
