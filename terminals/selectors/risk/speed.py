"""Cards that are used faster than one person can: too much at once, too far apart, in several hands."""

from __future__ import annotations

from typing import Final

from accounts.models import RiskRule
from terminals.selectors.risk.rule import LOOK_BACK, Rule, at_least

# Cards with few taps in all are left out before anything is sorted: of a clean day nearly every one.
_VELOCITY: Final = """
WITH busy AS (
    SELECT card_id FROM terminals_tap WHERE business_date BETWEEN %(since)s AND %(day)s
    GROUP BY card_id
    HAVING max(business_date) = %(day)s AND (count(*) > %(taps_max)s OR sum(amount_fen) > %(fen_max)s)
), counted AS (
    SELECT card_id, occurred_at, count(*) OVER recent AS taps, sum(amount_fen) OVER recent AS fen,
        bool_or(business_date = %(day)s) OVER recent AS booked_today
    FROM terminals_tap JOIN busy USING (card_id) WHERE business_date BETWEEN %(since)s AND %(day)s
    WINDOW recent AS (PARTITION BY card_id ORDER BY occurred_at
        RANGE BETWEEN make_interval(mins => %(minutes)s) PRECEDING AND CURRENT ROW)
), worst AS (
    SELECT DISTINCT ON (card_id) card_id, occurred_at, taps, fen FROM counted
    WHERE booked_today AND (taps > %(taps_max)s OR fen > %(fen_max)s)
    ORDER BY card_id, taps DESC, fen DESC, occurred_at
)
SELECT 'card', card_id::text AS subject, card_id, jsonb_build_object('taps', taps, 'fen', fen),
    jsonb_build_object('taps', (
        SELECT jsonb_agg(jsonb_build_array(business_date, id)) FROM (
            SELECT business_date, id FROM terminals_tap AS tap
            WHERE tap.card_id = worst.card_id AND business_date BETWEEN %(since)s AND %(day)s
                AND tap.occurred_at BETWEEN worst.occurred_at - make_interval(mins => %(minutes)s) AND worst.occurred_at
            ORDER BY tap.occurred_at LIMIT %(shown)s
        ) AS shown
    ))
FROM worst
"""

# As the crow flies (haversine, WGS 84), between the stops that the trips name, or else those that the terminals stand at. Between any two taps stand only steps between neighbours: who could have made each
# of them could have made the whole way.
_TRAVEL: Final = """
WITH stop AS MATERIALIZED (
    SELECT id, code, radians(latitude)::float8 AS lat, radians(longitude)::float8 AS lon
    FROM terminals_stop WHERE latitude IS NOT NULL
), step AS (
    SELECT card_id, business_date, tap.id, occurred_at, stop.id AS stop_id, lat, lon, lag(business_date) OVER way AS date0,
        lag(tap.id) OVER way AS id0, lag(occurred_at) OVER way AS at0, lag(stop.id) OVER way AS stop0,
        lag(lat) OVER way AS lat0, lag(lon) OVER way AS lon0
    FROM terminals_tap AS tap JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
    LEFT JOIN terminals_place AS site ON site.id = terminal.site_id
    LEFT JOIN terminals_stop AS told ON trip <> '' AND told.code = substring(trip FROM '^(?:in|out):([^:@]+)')
    JOIN stop ON stop.id = coalesce(told.id, site.stop_id)
    WHERE business_date BETWEEN %(since)s AND %(day)s
    WINDOW way AS (PARTITION BY card_id ORDER BY occurred_at, tap.id)
), moved AS (
    SELECT *, extract(epoch FROM occurred_at - at0)::float8 AS seconds,
        12742000 * asin(least(1, sqrt(sin((lat - lat0) / 2) ^ 2 + cos(lat) * cos(lat0) * sin((lon - lon0) / 2) ^ 2))) AS metres
    FROM step WHERE stop_id <> stop0 AND %(day)s IN (business_date, date0)
)
SELECT DISTINCT ON (card_id) 'card', card_id::text AS subject, card_id,
    jsonb_build_object('metres', round(metres), 'seconds', round(seconds)),
    jsonb_build_object('taps', jsonb_build_array(jsonb_build_array(date0, id0), jsonb_build_array(business_date, id)))
FROM moved WHERE metres > %(metres_min)s AND metres > (seconds + %(tolerance_seconds)s) * %(kmh_max)s / 3.6
ORDER BY card_id, metres / (seconds + 1) DESC, id
"""

# On vehicles only: whoever stands at a gate or a till may well be there twice.
_SHARING: Final = """
WITH ride AS (
    SELECT card_id, business_date, tap.id, occurred_at, coalesce(terminal.site_id, -terminal.id) AS vehicle
    FROM terminals_tap AS tap JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
    JOIN accounts_card AS card ON card.id = tap.card_id JOIN accounts_cardproduct AS product ON product.code = card.product_id
    WHERE business_date BETWEEN %(since)s AND %(day)s AND terminal.kind = 'validator' AND kind_code = ANY(%(kinds)s)
), counted AS (
    SELECT *, lag(vehicle) OVER way AS vehicle0, lag(occurred_at) OVER way AS at0, lag(id) OVER way AS id0,
        lag(business_date) OVER way AS date0, count(*) OVER again AS taps, min(occurred_at) OVER again AS began_at,
        bool_or(business_date = %(day)s) OVER again AS booked_today,
        array_agg(jsonb_build_array(business_date, id)) OVER again AS together
    FROM ride
    WINDOW way AS (PARTITION BY card_id ORDER BY occurred_at, id),
        again AS (PARTITION BY card_id, vehicle ORDER BY occurred_at
            RANGE BETWEEN make_interval(mins => %(minutes)s) PRECEDING AND CURRENT ROW)
), suspect AS (
    SELECT *, booked_today AND taps > %(taps_max)s AS crowded, vehicle <> vehicle0 AND %(day)s IN (business_date, date0)
        AND occurred_at - at0 < make_interval(secs => %(apart_seconds)s) AS apart
    FROM counted
)
SELECT DISTINCT ON (card_id) 'card', card_id::text AS subject, card_id,
    CASE WHEN crowded THEN jsonb_build_object('taps', taps, 'seconds', extract(epoch FROM occurred_at - began_at)::int,
        'vehicles', 1)
    ELSE jsonb_build_object('taps', 2, 'seconds', extract(epoch FROM occurred_at - at0)::int, 'vehicles', 2) END,
    jsonb_build_object('taps', CASE WHEN crowded THEN to_jsonb(together)
        ELSE jsonb_build_array(jsonb_build_array(date0, id0), jsonb_build_array(business_date, id)) END)
FROM suspect WHERE crowded OR apart ORDER BY card_id, crowded DESC, taps DESC, occurred_at
"""

VELOCITY: Final = Rule(
    RiskRule.VELOCITY,
    1,
    {"minutes": at_least(1), "taps_max": at_least(1), "fen_max": at_least(1), LOOK_BACK: at_least(0)},
    _VELOCITY,
)
TRAVEL: Final = Rule(
    RiskRule.TRAVEL,
    1,
    {
        "kmh_max": at_least(1),
        "metres_min": at_least(0),
        "tolerance_seconds": at_least(0),
        LOOK_BACK: at_least(0),
    },
    _TRAVEL,
)
SHARING: Final = Rule(
    RiskRule.SHARING,
    1,
    {
        "kinds": lambda value: isinstance(value, list) and bool(value) and all(map(at_least(1), value)),
        "taps_max": at_least(1),
        "minutes": at_least(1),
        "apart_seconds": at_least(1),
        LOOK_BACK: at_least(0),
    },
    _SHARING,
)
