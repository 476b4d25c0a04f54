"""How fast the hot list reaches terminals: who is behind and since when, and how long it took where it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

BUCKETS_MINUTES: Final = (1, 5, 15, 30, 60, 24 * 60)
"""Upper ends; what took longer than the last one stands in one more bucket."""
BEHIND_MAX: Final = 200

# What a terminal lacks first is what it is late with.
_BEHIND: Final = """
SELECT device.id, device.code, device.place, device.hot_list_version, lacking.version, lacking.published_at
FROM terminals_terminal AS device
JOIN LATERAL (
    SELECT version, published_at FROM terminals_hotlistversion AS listed
    WHERE listed.version > device.hot_list_version ORDER BY listed.version LIMIT 1
) AS lacking ON true
WHERE device.state = 'active' ORDER BY lacking.published_at, device.code LIMIT %(limit)s
"""
_REACHED: Final = """
WITH told AS (
    SELECT applied.id, applied.terminal_id, applied.version, applied.applied_at, coalesce((
        SELECT before.version FROM terminals_listapplied AS before
        WHERE before.terminal_id = applied.terminal_id AND before.id < applied.id ORDER BY before.id DESC LIMIT 1), 0) AS held
    FROM terminals_listapplied AS applied WHERE applied.applied_at >= %(since)s
), waited AS (
    SELECT told.*, applied_at - (
        SELECT published_at FROM terminals_hotlistversion AS first WHERE first.version > held ORDER BY first.version LIMIT 1
    ) AS took FROM told WHERE version > held
)
SELECT width_bucket(extract(epoch FROM took), %(ends)s::numeric[]), count(*),
    extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)), extract(epoch FROM max(took))
FROM waited WHERE took IS NOT NULL GROUP BY GROUPING SETS ((1), ())
"""
_PUBLISHED: Final = """
SELECT count(*), coalesce(extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY published_at - recorded_at)), 0),
    coalesce(extract(epoch FROM max(published_at - recorded_at)), 0)
FROM terminals_hotlistchange AS change JOIN terminals_hotlistversion AS listed ON listed.version = change.version
WHERE listed.published_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class Behind:
    """A terminal in service that lacks `missing`, which was published at `since`."""

    pk: int
    code: str
    place: str
    applied: int
    missing: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Latency:
    """How long lists took from publication to a terminal's word; `buckets` as BUCKETS_MINUTES and one more."""

    buckets: tuple[int, ...]
    median: timedelta | None
    slowest: timedelta | None


@dataclass(frozen=True, slots=True)
class Publishing:
    """How long changes took from the books to a signed list."""

    changes: int
    most: timedelta
    """Nineteen of twenty were faster."""
    slowest: timedelta


def terminals_behind() -> list[Behind]:
    """Terminals in service that lack a published list, the latest first to wait first; at most BEHIND_MAX. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"limit": BEHIND_MAX})
        return [Behind(*row) for row in cursor.fetchall()]


def list_latency(*, since: datetime) -> Latency:
    """Of all lists that terminals said since then that they apply. One statement."""
    ends = [0, *(minutes * 60 for minutes in BUCKETS_MINUTES)]
    counts, median, slowest = [0] * (len(BUCKETS_MINUTES) + 1), None, None
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, {"since": since, "ends": ends})
        for bucket, count, middle, most in cursor.fetchall():
            if bucket is None:
                median = timedelta(seconds=float(middle)) if count else None
                slowest = timedelta(seconds=float(most)) if count else None
            else:
                counts[max(bucket, 1) - 1] += count
    return Latency(tuple(counts), median, slowest)


def publishing_latency(*, since: datetime) -> Publishing:
    """Of all changes published since then. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISHED, {"since": since})
        changes, most, slowest = cursor.fetchone()
    return Publishing(changes, timedelta(seconds=float(most)), timedelta(seconds=float(slowest)))
