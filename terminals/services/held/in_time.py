"""What came too late, or was not decided in time, is not charged: by the acceptance policy of the purchase's own date.

It goes back to the holder, and the operator bears it: whoever lets others wait longer than was promised cannot ask to be paid.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from django.db import connection, transaction

from terminals.models import HeldResolution
from terminals.services.held.places import PLACE
from terminals.services.held.resolving import AT_ONCE, Decision, resolve, take_turn

ACTOR: Final = "acceptance policy"

# What has no place to go back to is left out, as with lost cards.
_DUE: Final = f"""
WITH held AS (
    SELECT tap.id, tap.business_date, tap.card_id, tap.outcome, tap.occurred_at, tap.amount_fen, tap.amount_fen AS back_fen,
        merchant.payable_id, terms.id AS terms_id, moved.debit_id = purse.account_id AS from_purse
    FROM terminals_tap AS tap
    JOIN accounts_purse AS purse ON purse.card_id = tap.card_id AND purse.kind = 'chip'
    JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
    JOIN accounts_transfer AS moved ON moved.business_date = tap.business_date AND moved.kind = 11 AND moved.source_id = tap.id
    JOIN LATERAL (
        SELECT * FROM terminals_acceptancepolicy AS policy
        WHERE policy.channel = merchant.channel
            AND policy.valid_from <= (tap.occurred_at AT TIME ZONE 'Asia/Shanghai')::date
        ORDER BY policy.valid_from DESC LIMIT 1
    ) AS terms ON true
    WHERE tap.outcome NOT IN (1, 4) AND (
            tap.outcome = 7
            OR tap.outcome IN (3, 5, 6, 8, 9) AND tap.received_at + make_interval(days => terms.decide_days) <= %(now)s)
        AND NOT EXISTS (SELECT FROM terminals_heldresolution AS done WHERE done.tap_id = tap.id)
)
SELECT held.id, business_date, outcome, occurred_at, amount_fen, payable_id, terms_id,
    CASE outcome WHEN 7 THEN 'late' ELSE 'not_decided' END
FROM held LEFT JOIN {PLACE} AS place ON from_purse WHERE NOT from_purse OR place.account_id IS NOT NULL
ORDER BY held.id LIMIT %(limit)s
"""  # noqa: S608  constants only


@transaction.atomic
def settle_in_time(*, now: datetime) -> int:
    """Give back what came too late or has waited too long, at most AT_ONCE; how many. Again changes nothing.

    Without an acceptance policy of the purchase's date it waits for people. A fixed number of statements. Raises
    NoOpenBusinessDay.
    """
    take_turn()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"limit": AT_ONCE, "now": now})
        due = [_decision(*row) for row in cursor.fetchall()]
    return resolve(due, kind="held_in_time", actor=ACTOR)


def _decision(
    tap_id: int,
    day: date,
    outcome: int,
    occurred_at: datetime,
    amount_fen: int,
    payable_id: int,
    terms_id: int,
    rule: str,
) -> Decision:
    return Decision(
        tap_id=tap_id,
        business_date=day,
        outcome=outcome,
        occurred_at=occurred_at,
        amount_fen=amount_fen,
        payable_id=payable_id,
        party=HeldResolution.Party.OPERATOR,
        rule=rule,
        paid_fen=0,
        grounds={"terms_id": terms_id},
    )
