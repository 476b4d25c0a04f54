"""Cards that expire: their holders are told in time. The money does not expire: the next card has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.db import connection

from accounts.models import Notice

REMIND_DAYS: Final = (30, 14, 1)

_REMIND: Final = """
INSERT INTO accounts_notice (citizen_id, code, data, created_at)
SELECT card.citizen_id, %(code)s, jsonb_build_object('card', '****' || right(card.pan, 4), 'number', card.id::text,
    'date', card.valid_to::text, 'days', asked.days::text), now()
FROM unnest(%(days)s::int[]) AS asked (days)
    JOIN accounts_card AS card ON card.valid_to = %(today)s::date + asked.days
WHERE card.state IN ('issued', 'active', 'suspended', 'lost_temp') AND card.citizen_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM accounts_notice AS told
        WHERE told.citizen_id = card.citizen_id AND told.code = %(code)s
            AND told.data ->> 'number' = card.id::text AND told.data ->> 'days' = asked.days::text)
"""


def remind_of_expiry(*, today: date, days: Sequence[int] = REMIND_DAYS) -> int:
    """Tell holders whose card expires in so many days; how many were told. Each is told once."""
    values: dict[str, Any] = {"code": Notice.Code.CARD_EXPIRES.value, "days": list(days), "today": today}
    with connection.cursor() as cursor:
        cursor.execute(_REMIND, values)
        return int(cursor.rowcount)
