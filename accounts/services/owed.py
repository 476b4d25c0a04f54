"""What the city owes a card: booked as paid top-ups that wait for the chip, all cards in a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from accounts.models import Chart, LedgerAccount, Notice
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.errors import NotFound
from citizencard.core.money import format_yuan

_ORDER_ALL: Final = """
INSERT INTO accounts_topuporder (id, number, card_id, purse_id, amount_fen, channel, party, state, actor, occurred_at,
    paid_at, proof)
SELECT numbered.id, 'FR' || to_char(%(now)s::timestamptz AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDD')
        || lpad(numbered.id::text, 12, '0'), numbered.card_id, purse.id, numbered.amount_fen, 'repair', numbered.party,
    'paid', %(actor)s, %(now)s, %(now)s, ''
FROM (
    SELECT nextval(pg_get_serial_sequence('accounts_topuporder', 'id')) AS id, owed.*
    FROM unnest(%(cards)s::bigint[], %(parties)s::text[], %(amounts)s::bigint[]) AS owed (card_id, party, amount_fen)
) AS numbered JOIN accounts_purse AS purse ON purse.card_id = numbered.card_id AND purse.kind = 'chip'
RETURNING card_id, party, id
"""
_TELL: Final = """
INSERT INTO accounts_notice (citizen_id, code, data, created_at)
SELECT card.citizen_id, %(code)s, jsonb_build_object('card', '…' || right(card.pan, 4), 'amount', owed.amount,
    'rides', owed.rides::text), now()
FROM unnest(%(cards)s::bigint[], %(amounts)s::text[], %(rides)s::int[]) AS owed (card_id, amount, rides)
    JOIN accounts_card AS card ON card.id = owed.card_id
WHERE card.citizen_id IS NOT NULL
"""


class Owed(NamedTuple):
    """What a merchant owes a card for so many rides: one for each pair of the two."""

    card_id: int
    merchant: str
    amount_fen: int
    rides: int


@transaction.atomic
def give_back(
    *, owed: Sequence[Owed], key: str, actor: str, reason: str, occurred_at: datetime
) -> dict[tuple[int, str], int]:
    """Book what merchants owe cards, once per `key`; the order that waits for each card and merchant.

    Off the merchant's payable into transit; the next reader that loads the card writes it to the chip. Real-name holders
    are told. The caller has to make sure that each debt is named once. Raises NotFound (merchant without account).
    """
    if not owed:
        return {}
    payables = _payables({each.merchant for each in owed})
    orders = _order(owed, actor, occurred_at)
    grants = [
        postings.GivenBack(orders[each.card_id, each.merchant], payables[each.merchant], each.amount_fen)
        for each in owed
    ]
    post_journal(
        key=f"given-back:{key}",
        kind="given_back",
        actor=actor,
        source=key,
        reason=reason,
        legs=postings.fares_given_back(grants=grants, occurred_at=occurred_at),
    )
    _tell(owed)
    return orders


def claim_subsidies(
    *, claims: Sequence[postings.SubsidyClaim], key: str, actor: str, occurred_at: datetime
) -> None:
    """Book what payers owe merchants for concessions, once per `key`."""
    if legs := postings.fares_subsidised(claims=claims, occurred_at=occurred_at):
        post_journal(key=f"fare-subsidy:{key}", kind="fare_subsidy", actor=actor, source=key, legs=legs)


def _order(owed: Sequence[Owed], actor: str, now: datetime) -> dict[tuple[int, str], int]:
    cards, parties, amounts, _rides = (list(column) for column in zip(*owed, strict=True))
    values: dict[str, Any] = {
        "cards": cards,
        "parties": parties,
        "amounts": amounts,
        "actor": actor,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ORDER_ALL, values)
        return {(card, party): order for card, party, order in cursor.fetchall()}


def _tell(owed: Sequence[Owed]) -> None:
    """One message a card, over all its merchants."""
    sums: dict[int, list[int]] = {}
    for each in owed:
        of_card = sums.setdefault(each.card_id, [0, 0])
        of_card[0] += each.amount_fen
        of_card[1] += each.rides
    values: dict[str, Any] = {
        "code": Notice.Code.FARE_GIVEN_BACK.value,
        "cards": list(sums),
        "amounts": [format_yuan(fen) for fen, _rides in sums.values()],
        "rides": [rides for _fen, rides in sums.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_TELL, values)


def _payables(merchants: set[str]) -> dict[str, int]:
    codes = [f"{Chart.MERCHANT_PAYABLE}.{each}" for each in merchants]
    found = dict(LedgerAccount.objects.filter(code__in=codes).values_list("code", "pk"))
    if missing := sorted(set(codes) - found.keys()):
        raise NotFound(what=missing[0])
    return {code.partition(".")[2]: pk for code, pk in found.items()}
