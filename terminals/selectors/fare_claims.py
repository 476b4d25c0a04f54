"""What payers owe for fares: a month's claim is the sum of its trips, and each trip can be looked up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from citizencard.core.money import format_yuan
from terminals.selectors.statement import month_bounds

_TRIPS: Final = """
SELECT share.business_date, share.ride_date, right(card.pan, 4), share.atc, share.version, merchant.code, share.rule,
    share.amount_fen
FROM terminals_fareshare AS share
    JOIN terminals_merchant AS merchant ON merchant.id = share.merchant_id
    LEFT JOIN accounts_card AS card ON card.id = share.card_id
WHERE share.payer = %(payer)s AND share.business_date >= %(first)s AND share.business_date < %(after)s
ORDER BY share.business_date, share.id
"""
_CLAIMS: Final = """
SELECT payer, date_trunc('month', business_date)::date AS month, count(*), sum(amount_fen)::bigint
FROM terminals_fareshare GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""
HEADER: Final = (
    "booked on",
    "ride of",
    "card ends in",
    "counter",
    "version",
    "merchant",
    "rule",
    "amount (yuan)",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a payer owes for the rides booked in a month: how many shares, and fen."""

    payer: str
    month: date
    shares: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class ClaimedTrip:
    """One share of one ride; negative where a later version takes back what was claimed."""

    booked_on: date
    ride_date: date
    card_ends_in: str
    atc: int
    version: int
    merchant: str
    rule: str
    amount_fen: int


def claims() -> list[Claim]:
    """Every month's claim of every payer, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMS)
        return [Claim(*row) for row in cursor.fetchall()]


def claimed_trips(*, payer: str, month: date) -> Iterator[ClaimedTrip]:
    """The trips of a payer's month, in the order they were booked in."""
    first, after = (bound.date() for bound in month_bounds(month))
    with connection.cursor() as cursor:
        cursor.execute(_TRIPS, {"payer": payer, "first": first, "after": after})
        yield from (ClaimedTrip(*row) for row in cursor.fetchall())


def claim_file(*, payer: str, month: date) -> bytes:
    """The claim as CSV (UTF-8 with BOM, for spreadsheets): a line for each trip, and last the sum."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    total_fen = 0
    for trip in claimed_trips(payer=payer, month=month):
        total_fen += trip.amount_fen
        writer.writerow((
            trip.booked_on, trip.ride_date, trip.card_ends_in, trip.atc, trip.version, trip.merchant, trip.rule,
            format_yuan(trip.amount_fen),
        ))  # fmt: skip
    writer.writerow(("", "", "", "", "", "", "total", format_yuan(total_fen)))
    return b"\xef\xbb\xbf" + text.getvalue().encode()
