"""Rides that terminals let through on a pass: booked together, after the taps have come in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import PassUse
from accounts.services import postings
from accounts.services.ledger import post_journal

# As `passes._TAKE`, for many cards; a pass that time alone ends may be over by now, it was good when the ride was taken.
_TAKE_ROUND: Final = """
WITH asked AS (
    SELECT * FROM unnest(%(keys)s::text[], %(cards)s::bigint[], %(channels)s::text[], %(payees)s::bigint[], %(fares)s::bigint[],
        %(times)s::timestamptz[]) AS ride (key, card_id, channel, payee_id, fare_fen, used_at)
    WHERE NOT EXISTS (SELECT FROM accounts_passuse AS done WHERE done.key = ride.key)
), chosen AS (
    SELECT asked.*, held.id AS pass_id, held.rides_left,
        coalesce((held.unused_fen + held.rides_left - 1) / held.rides_left, 0) AS value_fen
    FROM asked CROSS JOIN LATERAL (
        SELECT one.id, one.unused_fen, one.rides_left FROM accounts_pass AS one
        JOIN accounts_passproduct AS product ON product.id = one.product_id
        WHERE one.card_id = asked.card_id AND (one.state = 'active' OR one.state = 'expired' AND one.rides_left IS NULL)
            AND (asked.used_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN one.starts_on AND one.ends_on
            AND product.channels @> ARRAY[asked.channel]::varchar[]
        ORDER BY one.ends_on, one.rides_left, one.id LIMIT 1 FOR NO KEY UPDATE OF one
    ) AS held
), taken AS (
    UPDATE accounts_pass AS held SET rides_left = held.rides_left - 1, unused_fen = held.unused_fen - chosen.value_fen,
        state = CASE WHEN held.rides_left = 1 THEN 'used_up' ELSE held.state END
    FROM chosen WHERE held.id = chosen.pass_id AND held.rides_left IS NOT NULL
)
INSERT INTO accounts_passuse (key, card_pass_id, channel, payee_id, fare_fen, value_fen, used_at)
SELECT key, pass_id, channel, payee_id, fare_fen, value_fen, used_at FROM chosen
RETURNING id, payee_id, fare_fen, value_fen, used_at
"""


@dataclass(frozen=True, slots=True)
class RideTaken:
    """A ride or visit a terminal let through; `payee_id` is the account of who carried, `key` the ride's own."""

    card_id: int
    channel: str
    payee_id: int
    fare_fen: int
    key: str
    used_at: datetime


@transaction.atomic
def take_rides(*, rides: Sequence[RideTaken], key: str, actor: str) -> int:
    """Book rides on their cards' passes, each once per its key; how many had a pass.

    Passes are chosen as `use_pass` does. A round takes one ride of each card, in the order of time: as many statements as
    the card with most rides has, however many cards there are. A ride without a pass is nobody's debt and left out.
    """
    booked = 0
    for number, together in enumerate(_rounds(rides), 1):
        uses = _take(together)
        legs = [leg for use in uses if use.value_fen for leg in postings.pass_used(use=use)]
        if legs:
            journal = f"passes-used:{key}-{number}"
            post_journal(key=journal, kind="pass_used", actor=actor, source=key, legs=legs)
        booked += len(uses)
    return booked


def _rounds(rides: Sequence[RideTaken]) -> Iterator[list[RideTaken]]:
    by_card: dict[int, list[RideTaken]] = defaultdict(list)
    for ride in sorted(rides, key=lambda each: (each.used_at, each.key)):
        by_card[ride.card_id].append(ride)
    for turn in range(max(map(len, by_card.values()), default=0)):
        yield [own[turn] for _, own in sorted(by_card.items()) if turn < len(own)]


def _take(rides: list[RideTaken]) -> list[PassUse]:
    values: dict[str, Any] = {
        "keys": [ride.key for ride in rides],
        "cards": [ride.card_id for ride in rides],
        "channels": [ride.channel for ride in rides],
        "payees": [ride.payee_id for ride in rides],
        "fares": [ride.fare_fen for ride in rides],
        "times": [ride.used_at for ride in rides],
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_ROUND, values)
        return [
            PassUse(pk=pk, payee_id=payee_id, fare_fen=fare_fen, value_fen=value_fen, used_at=used_at)
            for pk, payee_id, fare_fen, value_fen, used_at in cursor.fetchall()
        ]
