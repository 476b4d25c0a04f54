"""What pricing writes for a chunk of cards: versions, shares, the money given back and claimed. A handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from accounts.models import Chart, LedgerAccount
from accounts.services.owed import Owed, claim_subsidies, give_back
from accounts.services.postings import SubsidyClaim
from terminals.models import Merchant
from terminals.services.pricing.judge import Version
from terminals.services.pricing.reading import shares_of

ACTOR: Final = "fares"
REASON: Final = "fares priced again"
_CHARGES: Final = """
COPY terminals_farecharge (business_date, card_id, atc, version, merchant_id, tariff, ride_at, charged_fen, full_fen, due_fen,
    given_fen, order_id, how, derivation, digest, priced_at) FROM STDIN
"""
_SHARES: Final = """
COPY terminals_fareshare (id, business_date, booking_id, ride_date, card_id, atc, version, merchant_id, payer, rule, amount_fen)
FROM STDIN
"""
_NUMBERS: Final = "SELECT nextval('terminals_fareshare_id_seq') FROM generate_series(1, %s)"


class ShareRow(NamedTuple):
    """What a payer owes more (or less) for a version of a ride than for the one before."""

    version: Version
    payer: str
    rule: str
    amount_fen: int


def write(*, versions: Sequence[Version], key: str, booked_on: date, now: datetime) -> None:
    """Keep versions and book what follows from them, once per `key`; within the caller's transaction."""
    merchants = dict(
        Merchant.objects.filter(pk__in={each.merchant_id for each in versions}).values_list("pk", "code")
    )
    orders = _give_back(versions, merchants, key, now)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_CHARGES) as copy:
        for each in versions:
            order = orders.get((each.card_id, merchants[each.merchant_id])) if each.given_fen else None
            copy.write_row(_row(each, order, now))
    _claim(_share_rows(versions), merchants, key, booked_on, now)


def _row(each: Version, order_id: int | None, now: datetime) -> tuple[Any, ...]:
    return (
        each.business_date, each.card_id, each.atc, each.version, each.merchant_id, each.tariff, each.ride_at,
        each.charged_fen, each.full_fen, each.due_fen, each.given_fen, order_id, each.how, each.derivation, each.digest,
        now,
    )  # fmt: skip


def _give_back(
    versions: Sequence[Version], merchants: dict[int, str], key: str, now: datetime
) -> dict[tuple[int, str], int]:
    sums: dict[tuple[int, str], list[int]] = {}
    for each in versions:
        if each.given_fen:
            owed = sums.setdefault((each.card_id, merchants[each.merchant_id]), [0, 0])
            owed[0] += each.given_fen
            owed[1] += 1
    owed_all = [Owed(card, merchant, fen, rides) for (card, merchant), (fen, rides) in sorted(sums.items())]
    return give_back(owed=owed_all, key=key, actor=ACTOR, reason=REASON, occurred_at=now)


def _share_rows(versions: Sequence[Version]) -> list[ShareRow]:
    """The change of every share against what was claimed before."""
    before = shares_of([(each.card_id, each.atc) for each in versions if each.version > 1])
    rows = []
    for each in versions:
        now: dict[tuple[str, str], int] = defaultdict(int)
        for share in each.shares:
            now[share.payer, share.rule] += share.amount_fen
        was = before.get((each.card_id, each.atc), {})
        for payer, rule in sorted(now.keys() | was.keys()):
            if change := now.get((payer, rule), 0) - was.get((payer, rule), 0):
                rows.append(ShareRow(each, payer, rule, change))
    return rows


def _claim(
    rows: Sequence[ShareRow], merchants: dict[int, str], key: str, booked_on: date, now: datetime
) -> None:
    """One transfer for each payer and merchant; its source is the first of their shares."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, [len(rows)])
        numbers = [number for (number,) in cursor.fetchall()]
    booking: dict[tuple[str, int], int] = {}
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for number, row in zip(numbers, rows, strict=True):
        pair = row.payer, row.version.merchant_id
        booking.setdefault(pair, number)
        sums[pair] += row.amount_fen
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_SHARES) as copy:
        for number, row in zip(numbers, rows, strict=True):
            ride = row.version
            copy.write_row((
                number, booked_on, booking[row.payer, ride.merchant_id], ride.ride_at.date(), ride.card_id, ride.atc,
                ride.version, ride.merchant_id, row.payer, row.rule, row.amount_fen,
            ))  # fmt: skip
    accounts = _accounts({payer for payer, _merchant in sums}, {merchants[pk] for _payer, pk in sums})
    claims = [
        SubsidyClaim(
            booking[payer, merchant],
            accounts[f"{Chart.SUBSIDY_RECEIVABLE}.{payer}"],
            accounts[f"{Chart.MERCHANT_PAYABLE}.{merchants[merchant]}"],
            fen,
        )
        for (payer, merchant), fen in sorted(sums.items())
        if fen
    ]
    claim_subsidies(claims=claims, key=key, actor=ACTOR, occurred_at=now)


def _accounts(payers: set[str], merchants: set[str]) -> dict[str, int]:
    codes = [f"{Chart.SUBSIDY_RECEIVABLE}.{each}" for each in payers]
    codes += [f"{Chart.MERCHANT_PAYABLE}.{each}" for each in merchants]
    return dict(LedgerAccount.objects.filter(code__in=codes).values_list("code", "pk"))
