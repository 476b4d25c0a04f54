"""Chips that cannot be what they say: counters and balances that contradict each other or the books.

A counter and a balance stand under no TAC: they are reasons to look, never what is paid.
"""

from __future__ import annotations

from typing import Final

from accounts.models import RiskRule
from terminals.selectors.risk.rule import LOOK_BACK, Rule, at_least

# Acceptance has found them: two purchases with a right TAC each, under one counter.
_CONFLICT: Final = """
WITH contradicting AS (
    SELECT card_id, min(atc) AS counter, count(DISTINCT atc) AS counters FROM terminals_tap
    WHERE business_date = %(day)s AND outcome = 3 GROUP BY card_id
)
SELECT 'card', card_id::text AS subject, card_id, jsonb_build_object('counter', counter, 'counters', counters),
    jsonb_build_object('taps', (
        SELECT jsonb_agg(jsonb_build_array(business_date, id)) FROM (
            SELECT business_date, id FROM terminals_tap AS tap
            WHERE tap.card_id = contradicting.card_id AND business_date BETWEEN %(since)s AND %(day)s AND atc IN (
                SELECT atc FROM terminals_tap AS other WHERE other.business_date = %(day)s AND other.outcome = 3
                    AND other.card_id = contradicting.card_id)
            ORDER BY atc, occurred_at LIMIT %(shown)s
        ) AS shown
    ))
FROM contradicting
"""

# What the clock of a terminal may be off is no rollback.
_ROLLBACK: Final = """
SELECT DISTINCT ON (card_id) 'card', card_id::text AS subject, card_id,
    jsonb_build_object('counter', atc, 'before', atc0, 'minutes', floor(extract(epoch FROM at0 - occurred_at) / 60)),
    jsonb_build_object('taps', jsonb_build_array(jsonb_build_array(date0, id0), jsonb_build_array(business_date, id)))
FROM terminals_chain(%(since)s, %(day)s)
WHERE at0 > occurred_at + make_interval(mins => %(tolerance_minutes)s)
ORDER BY card_id, at0 - occurred_at DESC, id
"""

# A few counters are always missing for a while: taps not uploaded yet. The gap is the one right below a tap of the date.
_JUMP: Final = """
WITH span AS (
    SELECT card_id, lower(seen) AS counter, lag(upper(seen), 1, 0) OVER (PARTITION BY card_id ORDER BY seen) AS expected
    FROM accounts_purse CROSS JOIN LATERAL unnest(offline_seen) AS seen
    WHERE kind = 'chip' AND offline_seen <> int4multirange(int4range(0, upper(offline_seen)))
)
SELECT DISTINCT ON (card_id) 'card', card_id::text AS subject, card_id,
    jsonb_build_object('counter', counter, 'expected', expected, 'missing', counter - expected),
    jsonb_build_object('taps', jsonb_build_array(jsonb_build_array(tap.business_date, tap.id)))
FROM span JOIN terminals_tap AS tap USING (card_id)
WHERE counter - expected > %(counters_max)s AND tap.atc = counter AND tap.business_date = %(day)s AND tap.outcome <> 3
ORDER BY card_id, counter - expected DESC
"""

# The chip's newest word against the books of now: what it has left and what it paid beyond the books is more than the books
# have and what is under way to it. Purchases not uploaded yet make the books too high, never too low.
_ABOVE_BOOKS: Final = """
WITH claimed AS (
    SELECT card_id, sum(amount_fen) AS fen FROM terminals_tap
    WHERE business_date = %(day)s AND outcome = 4 GROUP BY card_id
), loading AS (
    SELECT purse_id, sum(amount_fen) AS fen FROM accounts_topuporder WHERE state = 'loaded' GROUP BY purse_id
), weighed AS (
    SELECT tap.card_id, tap.business_date, tap.id, tap.balance_fen AS chip_fen, purse.balance_fen AS books_fen,
        coalesce(claimed.fen, 0) AS claimed_fen, coalesce(loading.fen, 0) AS loading_fen
    FROM terminals_tap AS tap
    JOIN accounts_purse AS purse ON purse.card_id = tap.card_id AND purse.kind = 'chip'
        AND tap.atc = upper(purse.offline_seen) - 1
    JOIN accounts_card AS card ON card.id = tap.card_id AND card.state <> 'closed'
    LEFT JOIN claimed ON claimed.card_id = tap.card_id LEFT JOIN loading ON loading.purse_id = purse.id
    WHERE tap.business_date >= %(day)s AND tap.outcome <> 3
)
SELECT 'card', card_id::text AS subject, card_id, jsonb_build_object('chip_fen', chip_fen, 'books_fen', books_fen,
        'claimed_fen', claimed_fen, 'loading_fen', loading_fen,
        'excess_fen', chip_fen + claimed_fen - books_fen - loading_fen),
    jsonb_build_object('taps', jsonb_build_array(jsonb_build_array(business_date, id)))
FROM weighed WHERE chip_fen + claimed_fen - books_fen - loading_fen > %(fen_max)s AND (business_date = %(day)s
    OR EXISTS (SELECT FROM terminals_tap AS today WHERE today.business_date = %(day)s AND today.card_id = weighed.card_id))
"""

# From one purchase to the next a balance falls by the purchases between them and rises by loads alone.
_UNEXPLAINED: Final = """
WITH risen AS (
    SELECT step.*, had_fen - left_fen AS risen_fen, (
        SELECT coalesce(sum(amount_fen), 0) FROM accounts_topuporder AS load
        WHERE load.card_id = step.card_id AND load.online_atc IS NOT NULL AND load.state IN ('loaded', 'confirmed')
            AND load.loaded_at BETWEEN at0 - make_interval(mins => %(tolerance_minutes)s)
                AND occurred_at + make_interval(mins => %(tolerance_minutes)s)
    ) AS loaded_fen
    FROM terminals_chain(%(since)s, %(day)s) AS step WHERE had_fen - left_fen > %(fen_max)s
)
SELECT DISTINCT ON (card_id) 'card', card_id::text AS subject, card_id,
    jsonb_build_object('risen_fen', risen_fen, 'loaded_fen', loaded_fen, 'excess_fen', risen_fen - loaded_fen),
    jsonb_build_object('taps', jsonb_build_array(jsonb_build_array(date0, id0), jsonb_build_array(business_date, id)))
FROM risen WHERE risen_fen - loaded_fen > %(fen_max)s ORDER BY card_id, risen_fen - loaded_fen DESC, id
"""

CONFLICT: Final = Rule(RiskRule.CONFLICT, 1, {LOOK_BACK: at_least(0)}, _CONFLICT)
ROLLBACK: Final = Rule(
    RiskRule.ROLLBACK, 1, {"tolerance_minutes": at_least(0), LOOK_BACK: at_least(0)}, _ROLLBACK
)
JUMP: Final = Rule(RiskRule.JUMP, 1, {"counters_max": at_least(1)}, _JUMP)
ABOVE_BOOKS: Final = Rule(RiskRule.ABOVE_BOOKS, 1, {"fen_max": at_least(0)}, _ABOVE_BOOKS)
UNEXPLAINED: Final = Rule(
    RiskRule.UNEXPLAINED,
    1,
    {"fen_max": at_least(0), "tolerance_minutes": at_least(0), LOOK_BACK: at_least(0)},
    _UNEXPLAINED,
)
