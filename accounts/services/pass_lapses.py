"""What time takes of passes: months gone by, rides never taken. Set-wise, each night, never into a purse."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

from django.db import connection, transaction

from accounts.models import Chart
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.calendar import SHANGHAI

LAPSES_MAX: Final = 10_000
"""Passes per call: enough to be quick, few enough not to hold them long."""

# Without a number of rides the price is earned day by day and booked with each month that is over; a pass whose days are
# over gives up the rest, be it earned by time or rides never taken. Locked in the order of their ids.
_LAPSE: Final = """
WITH due AS (
    SELECT held.id, held.product_id, held.rides_left IS NULL AS by_time, time.over, time.until, time.value_fen
    FROM accounts_pass AS held CROSS JOIN LATERAL (
        SELECT held.ends_on < %(on)s AS over,
            CASE WHEN held.ends_on < %(on)s THEN held.ends_on ELSE %(month_end)s END AS until,
            CASE WHEN held.ends_on < %(on)s THEN held.unused_fen
                WHEN held.rides_left IS NULL AND held.starts_on <= %(month_end)s THEN held.unused_fen - held.price_fen
                    + held.price_fen * (%(month_end)s - held.starts_on + 1) / (held.ends_on - held.starts_on + 1)
                ELSE 0 END AS value_fen
    ) AS time
    WHERE held.state = 'active' AND time.value_fen > 0
    ORDER BY held.id LIMIT %(most)s FOR NO KEY UPDATE OF held
), moved AS (
    UPDATE accounts_pass AS held SET unused_fen = held.unused_fen - due.value_fen,
        state = CASE WHEN due.over THEN 'expired' ELSE held.state END
    FROM due WHERE held.id = due.id
), lapsed AS (
    INSERT INTO accounts_passlapse (card_pass_id, until, value_fen)
    SELECT id, until, value_fen FROM due RETURNING id, card_pass_id, value_fen
)
SELECT lapsed.id, lapsed.value_fen,
    CASE WHEN due.by_time OR product.unused = 'operator' THEN product.operator_id ELSE %(income)s END
FROM lapsed JOIN due ON due.id = lapsed.card_pass_id
JOIN accounts_passproduct AS product ON product.id = due.product_id ORDER BY lapsed.id
"""


@transaction.atomic
def expire_passes(on: date, *, actor: str = "nightly run") -> int:
    """Book what time has taken of passes before the day `on`, and end those whose days are over.

    Returns how many passes were touched, at most LAPSES_MAX: call again until it is 0. Running again changes nothing.
    """
    values: dict[str, date | int] = {
        "on": on,
        "month_end": on.replace(day=1) - timedelta(days=1),
        "income": postings.account_id(Chart.SERVICE_FEES),
        "most": LAPSES_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAPSE, values)
        lapses = cursor.fetchall()
    if lapses:
        midnight = datetime.combine(on, time.min, SHANGHAI)
        post_journal(
            key=f"passes-lapsed:{on}:{lapses[0][0]}",
            kind="passes_lapsed",
            actor=actor,
            source=f"passes before {on}",
            legs=postings.passes_lapsed(lapses=lapses, occurred_at=midnight),
        )
    return len(lapses)
