"""Which terminals somebody should look after: silent ones, ones without trade, ones with an old hot list.

One statement over the whole fleet, whatever its size. Judged are active terminals, by the policy of their kind in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection
from django.db.models import Q, QuerySet

from citizencard.core.calendar import shanghai
from terminals.models import FleetPolicy, RouteStop, Terminal

DRIFT_MAX_MS: Final = 60_000
"""From here on a clock is wrong enough to tell people."""

# Peers are of one merchant and kind; a terminal that tapped itself is never marked, so it may count among them. A list
# is old if it lacks what had been published when the policy's minutes began.
_MARKS: Final = """
WITH policy AS (
    SELECT DISTINCT ON (kind) kind, make_interval(hours => silent_hours) AS silent,
        make_interval(days => zero_trade_days) AS idle, make_interval(mins => list_minutes) AS patience
    FROM terminals_fleetpolicy WHERE valid_from <= %(today)s ORDER BY kind, valid_from DESC
), expected AS (
    SELECT policy.*, coalesce((SELECT max(version) FROM terminals_hotlistversion
        WHERE published_at <= %(now)s - patience), 0) AS list_version
    FROM policy
), device AS (
    SELECT id, kind, hot_list_version, coalesce(seen_at, state_at) AS heard_at, coalesce(tapped_at, state_at) AS active_at,
        max(tapped_at) OVER (PARTITION BY merchant_id, kind) AS peers_at
    FROM terminals_terminal WHERE state = 'active'
), judged AS (
    SELECT id, heard_at < %(now)s - silent AS silent,
        heard_at >= %(now)s - silent AND active_at < %(now)s - idle AND peers_at >= %(now)s - idle AS zero_trade,
        hot_list_version < list_version AS old_list
    FROM device JOIN expected USING (kind)
)
SELECT id, silent, coalesce(zero_trade, false), old_list FROM judged WHERE silent OR zero_trade OR old_list
"""
_SUMMARY: Final = """
SELECT count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state = 'suspended'),
    count(*) FILTER (WHERE state = 'registered'),
    count(*) FILTER (WHERE state = 'active' AND abs(drift_ms) > %(drift)s),
    coalesce(sum(waiting_records) FILTER (WHERE state IN ('active', 'suspended')), 0)
FROM terminals_terminal
"""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is wrong with a terminal; at least one of them is."""

    silent: bool
    zero_trade: bool
    old_list: bool


def fleet_marks(now: datetime) -> Mapping[int, Marks]:
    """The terminals with something wrong, by primary key. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, {"now": now, "today": shanghai(now).date()})
        return {row[0]: Marks(*row[1:]) for row in cursor.fetchall()}


def fleet_policy(kind: str, on: date) -> FleetPolicy | None:
    """The policy by which terminals of the kind are judged on a date; None: they are not asked after."""
    return FleetPolicy.objects.filter(kind=kind, valid_from__lte=on).order_by("-valid_from").first()


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """How many terminals are in which state, with a clock off by more than a minute, and records not handed in."""

    active: int
    suspended: int
    registered: int
    drifting: int
    waiting_records: int


def fleet_summary() -> FleetSummary:
    """The fleet in five numbers. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, {"drift": DRIFT_MAX_MS})
        return FleetSummary(*map(int, cursor.fetchone()))


def terminals_of_line(terminals: QuerySet[Terminal], line: int) -> QuerySet[Terminal]:
    """Those on the line's vehicles, and at the gates of the stops on its routes."""
    stops = RouteStop.objects.filter(route__line=line).values("stop")
    return terminals.filter(Q(site__line=line) | Q(site__stop__in=stops))
