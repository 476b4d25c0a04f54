"""A card's statement: every use and every load, with the balance the back office had after it.

Purchases in suspense are lines too. Whether one has moved the purse is asked of its transfer: one that contradicts
another, or goes beyond the balance, leaves the balance alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from django.db import connection

from accounts.models import Card, TopUpOrder, Transfer
from citizencard.core.calendar import SHANGHAI
from terminals.models import Tap

_MOVEMENTS: Final = """
WITH movement AS (
    SELECT tap.occurred_at, 1 AS rank, tap.id, 'purchase' AS kind, merchant.channel, merchant.name AS party,
        terminal.place, -tap.amount_fen AS amount_fen,
        -coalesce(paid.amount_fen, 0) AS change,
        tap.outcome, tap.note, tap.business_date, tap.atc, coalesce(done.rule, '') AS ended
    FROM terminals_tap AS tap
        JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
        JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
        JOIN accounts_purse AS purse ON purse.card_id = tap.card_id AND purse.kind = 'chip'
        LEFT JOIN accounts_transfer AS paid ON paid.business_date = tap.business_date AND paid.source_id = tap.id
            AND paid.kind IN (%(paid)s, %(held)s) AND paid.debit_id = purse.account_id
        LEFT JOIN terminals_heldresolution AS done ON done.tap_id = tap.id
    WHERE tap.card_id = %(card)s
    UNION ALL
    SELECT done.decided_at, 2, done.tap_id, 'returned', merchant.channel, merchant.name, '', done.amount_fen - done.paid_fen,
        done.amount_fen - done.paid_fen, NULL, '', NULL, NULL, done.rule
    FROM terminals_heldresolution AS done
        JOIN accounts_purse AS purse ON purse.account_id = done.returned_to_id AND purse.kind = 'chip'
        JOIN terminals_merchant AS merchant ON merchant.payable_id = done.payable_id
    WHERE purse.card_id = %(card)s
    UNION ALL
    SELECT done.decided_at, 2, done.claim_id, 'collected', merchant.channel, merchant.name, '', -done.amount_fen,
        -done.amount_fen, NULL, '', NULL, NULL, done.rule
    FROM terminals_claimresolution AS done
        JOIN accounts_purse AS purse ON purse.account_id = done.purse_account_id AND purse.kind = 'chip'
        JOIN accounts_transfer AS claim ON (claim.business_date, claim.id) = (done.business_date, done.claim_id)
        LEFT JOIN terminals_tap AS tap ON claim.kind <> 43
            AND (tap.business_date, tap.id) = (claim.business_date, claim.source_id)
        LEFT JOIN terminals_grey AS grey ON claim.kind = 43 AND grey.id = claim.source_id
        JOIN terminals_merchant AS merchant ON merchant.id = coalesce(tap.merchant_id, grey.merchant_id)
    WHERE purse.card_id = %(card)s
    UNION ALL
    SELECT grey.occurred_at, 1, grey.id, 'purchase', merchant.channel, merchant.name, terminal.place, -grey.amount_fen,
        -coalesce(paid.amount_fen, 0), 1, grey.place, NULL, NULL, ''
    FROM terminals_grey AS grey
        JOIN terminals_greystep AS step ON step.grey_id = grey.id AND step.state = 'settled'
        JOIN terminals_merchant AS merchant ON merchant.id = grey.merchant_id
        JOIN terminals_terminal AS terminal ON terminal.id = grey.terminal_id
        JOIN accounts_purse AS purse ON purse.card_id = grey.card_id AND purse.kind = 'chip'
        LEFT JOIN accounts_transfer AS paid ON paid.source_id = grey.id AND paid.kind = 43
            AND paid.debit_id = purse.account_id
    WHERE grey.card_id = %(card)s
    UNION ALL
    SELECT coalesce(loaded_at, occurred_at), 0, id, 'load', channel, '', '', amount_fen, amount_fen, NULL, '', NULL, NULL,
        ''
    FROM accounts_topuporder WHERE card_id = %(card)s AND state = %(confirmed)s AND proof <> 'account'
)
"""
_LINES: Final = (
    _MOVEMENTS  # noqa: S608  constants only
    + """
SELECT occurred_at, kind, channel, party, place, amount_fen, balance_fen, outcome, note, business_date, atc,
    ended, id FROM (
    SELECT movement.*, sum(change) OVER (ORDER BY occurred_at, rank, id) AS balance_fen FROM movement
) AS line
WHERE (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
ORDER BY occurred_at DESC, rank DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
)
_MONTHS: Final = (
    _MOVEMENTS
    + """
SELECT date_trunc('month', occurred_at AT TIME ZONE 'Asia/Shanghai')::date AS month, count(*)
FROM movement WHERE %(since)s::timestamptz IS NULL OR occurred_at >= %(since)s
GROUP BY month ORDER BY month DESC
"""
)
_SPENDING: Final = (
    _MOVEMENTS
    + """
SELECT channel, -sum(change)::bigint AS spent FROM movement
WHERE kind IN ('purchase', 'collected') AND occurred_at >= %(since)s AND occurred_at < %(until)s
GROUP BY channel HAVING sum(change) < 0 ORDER BY spent DESC, channel
"""
)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement. `kind` is `purchase`, `load`, `returned` (what the holder does not bear of a held purchase), or `collected`
    (a purchase beyond the balance, whose value has turned up). `channel` is the merchant's, or for a load how it was paid.
    `ended` is the rule by which a held purchase was decided, empty while it waits and for all others.

    `amount_fen` is negative for a purchase; `balance_fen` is the back office's balance after it, in the order of the
    device's clock. `outcome` is the tap's, None for a load; `party` is the merchant's name; business date and counter name
    the tap, where there is one. `source_id` is the tap, order or grey record behind it.
    """

    occurred_at: datetime
    kind: str
    channel: str
    party: str
    place: str
    amount_fen: int
    balance_fen: int
    outcome: Tap.Outcome | None
    note: str
    business_date: date | None = None
    atc: int | None = None
    ended: str = ""
    source_id: int = 0


def card_statement(
    *,
    card: Card,
    limit: int = 100,
    offset: int = 0,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[StatementLine]:
    """The newest `limit` movements after the first `offset`, of `since` ≤ occurred_at < `until`."""
    rows = _rows(_LINES, card, limit=limit, offset=offset, since=since, until=until)
    return [
        StatementLine(
            when,
            kind,
            channel,
            party,
            place,
            amount,
            int(balance),
            outcome and Tap.Outcome(outcome),
            note,
            day,
            atc,
            ended,
            source_id,
        )
        for when, kind, channel, party, place, amount, balance, outcome, note, day, atc, ended, source_id in rows
    ]


def statement_months(*, card: Card, since: datetime | None = None) -> dict[date, int]:
    """The months (by their first day, Asia/Shanghai) with movements from `since` on and how many, newest first."""
    return dict(_rows(_MONTHS, card, since=since))


def spending_by_channel(*, card: Card, month: date, since: datetime | None = None) -> dict[str, int]:
    """Fen taken from the purse in the month of `month` and from `since` on, per merchant channel, highest first."""
    first, until = month_bounds(month)
    return dict(_rows(_SPENDING, card, since=max(first, since or first), until=until))


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """The first instant of the month and of the next one on the city's clocks."""
    first = month.replace(day=1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return datetime.combine(first, time(), SHANGHAI), datetime.combine(following, time(), SHANGHAI)


def _rows(sql: str, card: Card, **values: Any) -> list[tuple[Any, ...]]:
    kinds = {"paid": Transfer.Kind.PURCHASE, "held": Transfer.Kind.PURCHASE_HELD}
    constants: dict[str, Any] = {"card": card.pk, "confirmed": TopUpOrder.State.CONFIRMED}
    with connection.cursor() as cursor:
        cursor.execute(sql, constants | kinds | values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
