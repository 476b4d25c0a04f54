"""What a card's purses hold, and as of when that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.models import Card, Purse

# The newest movement of an account is the last one on either side, each found by its index.
_PURSES: Final = """
SELECT purse.kind, purse.balance_fen, purse.held_fen, purse.balance_fen - purse.held_fen - purse.floor_fen,
    accounts_promised_fen(purse.id) - purse.balance_fen, purse.ceiling_fen, account.state, last.occurred_at
FROM accounts_purse AS purse JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id
LEFT JOIN LATERAL (
    (SELECT business_date, id, occurred_at FROM accounts_transfer WHERE debit_id = purse.account_id
     ORDER BY business_date DESC, id DESC LIMIT 1)
    UNION ALL
    (SELECT business_date, id, occurred_at FROM accounts_transfer WHERE credit_id = purse.account_id
     ORDER BY business_date DESC, id DESC LIMIT 1)
    ORDER BY business_date DESC, id DESC LIMIT 1
) AS last ON true
WHERE purse.card_id = %s ORDER BY purse.kind DESC
"""


@dataclass(frozen=True, slots=True)
class PurseOverview:
    """One purse, in fen: `in_transit_fen` is paid and not yet in it.

    `kind` is a Purse.Kind, `state` its account's LedgerAccount.State.
    `as_of` is the moment the figures are true for: now for an account purse; for the purse on a chip when its newest
    booked movement occurred (None before the first), because the chip may have paid since then.
    """

    kind: str
    balance_fen: int
    held_fen: int
    available_fen: int
    in_transit_fen: int
    ceiling_fen: int
    state: str
    as_of: datetime | None


def purse_overview(card: Card) -> tuple[PurseOverview, ...]:
    """The card's purses, the one on the chip first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_PURSES, [card.pk])
        rows = cursor.fetchall()
    return tuple(
        PurseOverview(
            kind=kind,
            balance_fen=balance_fen,
            held_fen=held_fen,
            available_fen=available_fen,
            in_transit_fen=in_transit_fen,
            ceiling_fen=ceiling_fen,
            state=state,
            as_of=timezone.now() if kind == Purse.Kind.ACCOUNT else newest,
        )
        for kind, balance_fen, held_fen, available_fen, in_transit_fen, ceiling_fen, state, newest in rows
    )
