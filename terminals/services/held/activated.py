"""Purchases made with a card before it was activated: once its holder has activated it, they are the holder's.

A terminal that has the list refuses such a card; what one has taken all the same waits for the holder, and goes back undecided
by the acceptance policy of its date.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from django.db import connection, transaction

from terminals.models import HeldResolution, Tap
from terminals.services.held.resolving import AT_ONCE, Decision, resolve, take_turn

ACTOR: Final = "activation"

_DUE: Final = """
SELECT tap.id, tap.business_date, tap.occurred_at, tap.amount_fen, merchant.payable_id
FROM terminals_tap AS tap JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
WHERE tap.outcome NOT IN (1, 4) AND tap.outcome = 9
    AND EXISTS (SELECT FROM accounts_cardevent AS step WHERE step.card_id = tap.card_id AND step.target = 'active')
    AND NOT EXISTS (SELECT FROM terminals_heldresolution AS done WHERE done.tap_id = tap.id)
ORDER BY tap.id LIMIT %(limit)s
"""


@transaction.atomic
def settle_activated() -> int:
    """Pay the merchants of cards that were activated since, at most AT_ONCE purchases; how many. Again changes nothing.

    A fixed number of statements. Raises NoOpenBusinessDay.
    """
    take_turn()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"limit": AT_ONCE})
        due = [_decision(*row) for row in cursor.fetchall()]
    return resolve(due, kind="held_activated", actor=ACTOR)


def _decision(tap_id: int, day: date, occurred_at: datetime, amount_fen: int, payable_id: int) -> Decision:
    return Decision(
        tap_id=tap_id,
        business_date=day,
        outcome=Tap.Outcome.CARD_NOT_ACTIVE,
        occurred_at=occurred_at,
        amount_fen=amount_fen,
        payable_id=payable_id,
        party=HeldResolution.Party.HOLDER,
        rule=HeldResolution.Rule.ACTIVATED,
        paid_fen=amount_fen,
    )
