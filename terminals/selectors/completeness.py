"""Is every record that ever arrived accounted for? Counted from what was stored, not from what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from terminals.models import Batch, Tap

_COUNT: Final = """
SELECT
    (SELECT coalesce(sum(records), 0) FROM terminals_batch
        WHERE state = %(processed)s AND (%(day)s::date IS NULL OR business_date = %(day)s)),
    count(*) FILTER (WHERE place = 'accepted'), count(*) FILTER (WHERE place = 'suspended'),
    count(*) FILTER (WHERE place = 'duplicate'), count(*) FILTER (WHERE place = 'rejected')
FROM (
    SELECT CASE outcome WHEN 1 THEN 'accepted' ELSE 'suspended' END AS place FROM terminals_tap
        WHERE %(day)s::date IS NULL OR business_date = %(day)s
    UNION ALL
    SELECT CASE code WHEN 'duplicate' THEN 'duplicate' ELSE 'rejected' END FROM terminals_refusal
        WHERE %(day)s::date IS NULL OR business_date = %(day)s
) AS kept
"""
_REASONS: Final = """
SELECT code, count(*) FROM (
    SELECT code FROM terminals_refusal WHERE %(day)s::date IS NULL OR business_date = %(day)s
    UNION ALL
    SELECT (%(codes)s::text[])[outcome] FROM terminals_tap WHERE outcome > 1 AND (%(day)s::date IS NULL OR business_date = %(day)s)
) AS reason GROUP BY code ORDER BY count(*) DESC, code
"""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Records received in processed batches, and where each is kept."""

    received: int
    accepted: int
    suspended: int
    duplicate: int
    rejected: int

    @property
    def accounted(self) -> int:
        """Records found as a tap or a refusal."""
        return self.accepted + self.suspended + self.duplicate + self.rejected

    @property
    def complete(self) -> bool:
        """Whether none is missing and none was made up."""
        return self.accounted == self.received


def completeness(*, business_date: date | None = None) -> Completeness:
    """Every tap accounted for: `accounted` of `received`, of one business date or of all time."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"day": business_date, "processed": Batch.State.PROCESSED})
        return Completeness(*map(int, cursor.fetchone()))


def exceptions_by_reason(*, business_date: date | None = None) -> dict[str, int]:
    """How many records were not simply accepted, by reason code (`terminals.wire.reasons`), most frequent first."""
    codes = [outcome.name.lower() for outcome in sorted(Tap.Outcome)]
    with connection.cursor() as cursor:
        cursor.execute(_REASONS, {"day": business_date, "codes": codes})
        return dict(cursor.fetchall())
