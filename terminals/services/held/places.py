"""Where the value of a held purchase goes back to.

To where it came from: the card's purse while that is open and has room, else the online purse of another card of the same
holder; what was a claim closes its claim. If there is no such place, it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from django.db import connection

# Two ways to a purse, each by its index.
PLACE: Final = """
LATERAL (
    SELECT own.account_id, own.ceiling_fen - own.balance_fen AS room_fen FROM (
        SELECT * FROM accounts_purse WHERE card_id = held.card_id AND kind = 'chip'
        UNION ALL
        SELECT online.* FROM accounts_card AS used
        JOIN accounts_card AS holding ON holding.citizen_id = used.citizen_id AND holding.state = 'active'
        JOIN accounts_purse AS online ON online.card_id = holding.id AND online.kind = 'account'
        WHERE used.id = held.card_id
    ) AS own
    JOIN accounts_ledgeraccount AS account ON account.id = own.account_id AND account.state = 'open'
    WHERE own.balance_fen + held.back_fen <= own.ceiling_fen
    ORDER BY own.card_id = held.card_id DESC, own.id LIMIT 1
)"""
"""A place with room for `held.back_fen` of a purchase of `held.card_id`, to be joined beside `held`."""

# In READ COMMITTED the next statement sees what was committed while this one waited.
_LOCK: Final = """
WITH used AS (
    SELECT DISTINCT card.id, card.citizen_id
    FROM unnest(%(ids)s::bigint[], %(dates)s::date[]) AS asked (id, business_date)
    JOIN terminals_tap AS tap ON (tap.business_date, tap.id) = (asked.business_date, asked.id)
    JOIN accounts_card AS card ON card.id = tap.card_id
)
SELECT own.id FROM accounts_purse AS own
WHERE own.card_id IN (
    SELECT id FROM used UNION SELECT holding.id FROM used JOIN accounts_card AS holding ON holding.citizen_id = used.citizen_id)
ORDER BY own.account_id FOR NO KEY UPDATE
"""
# Several may find room in the same purse that has none for all of them: the first ones get it, the others wait.
_PLACES: Final = f"""
WITH held AS (
    SELECT asked.id, asked.back_fen, tap.card_id, moved.debit_id, coalesce(moved.debit_id = purse.account_id, true) AS from_purse
    FROM unnest(%(ids)s::bigint[], %(dates)s::date[], %(backs)s::bigint[]) AS asked (id, business_date, back_fen)
    JOIN terminals_tap AS tap ON (tap.business_date, tap.id) = (asked.business_date, asked.id)
    JOIN accounts_purse AS purse ON purse.card_id = tap.card_id AND purse.kind = 'chip'
    LEFT JOIN accounts_transfer AS moved ON moved.business_date = tap.business_date AND moved.kind = 11
        AND moved.source_id = tap.id
), placed AS (
    SELECT held.id, CASE WHEN from_purse THEN place.account_id ELSE debit_id END AS place_id,
        NOT from_purse OR sum(back_fen) OVER (PARTITION BY from_purse, place.account_id ORDER BY held.id) <= room_fen AS fits
    FROM held LEFT JOIN {PLACE} AS place ON from_purse
)
SELECT id, place_id FROM placed WHERE place_id IS NOT NULL AND fits
"""  # noqa: S608  constants only


class Back(NamedTuple):
    """What goes back of a held purchase: its tap and the tap's business date, fen."""

    tap_id: int
    business_date: date
    amount_fen: int


def find_places(backs: Sequence[Back]) -> dict[int, int]:
    """The account that each goes back to, by tap; one without a place is left out. Locks the purses. Two statements."""
    if not backs:
        return {}
    ids, dates, amounts = (list(column) for column in zip(*backs, strict=True))
    values = {"ids": ids, "dates": dates, "backs": amounts}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, values)
        cursor.execute(_PLACES, values)
        return dict(cursor.fetchall())
