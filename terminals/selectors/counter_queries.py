"""The queries of `counters`: steps from one known record of a card to the next, with the loads between, and sets of counters."""

from __future__ import annotations

from typing import Final

# A grey record that was settled is a purchase like a tap: the chip has paid, and its counter counts.
_CARDS: Final = """
WITH counted AS (
    SELECT purse.card_id, card.pan, purse.offline_seen AS seen
    FROM accounts_purse AS purse JOIN accounts_card AS card ON card.id = purse.card_id
    WHERE purse.kind = 'chip' AND (%(cards)s::bigint[] IS NULL OR purse.card_id = ANY(%(cards)s))
), tap AS (
    SELECT card_id, atc, amount_fen, balance_fen, occurred_at, received_at FROM terminals_tap
    WHERE outcome NOT IN (3, 8) AND (%(cards)s::bigint[] IS NULL OR card_id = ANY(%(cards)s))
    UNION ALL
    SELECT card_id, atc, amount_fen, balance_fen, occurred_at, received_at FROM terminals_grey
    WHERE id IN (SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
        AND (%(cards)s::bigint[] IS NULL OR card_id = ANY(%(cards)s))
)"""

# What comes behind a row is looked back upon from the end: a window that begins at its own row is summed up anew for each,
# which takes the square of a terminal's taps.
# A load stands before the first tap behind it. By the clocks, that is; but clocks differ, and within their tolerance the
# chip's own balances know better: the tap that began with what the load left, or the one that left what the load began with.
_STEPS: Final = """, loaded AS (
    SELECT id, card_id, loaded_at, amount_fen, balance_before_fen AS before FROM accounts_topuporder
    WHERE state = %(confirmed)s AND proof <> %(account)s AND (%(cards)s::bigint[] IS NULL OR card_id = ANY(%(cards)s))
), near AS (
    SELECT loaded.id,
        min(tap.atc) FILTER (WHERE tap.balance_fen + tap.amount_fen = before + loaded.amount_fen) AS follows,
        max(tap.atc) FILTER (WHERE tap.balance_fen = before) + 1 AS precedes
    FROM loaded JOIN tap ON tap.card_id = loaded.card_id
        AND tap.occurred_at BETWEEN loaded_at - make_interval(secs => %(tolerance)s) AND loaded_at + make_interval(secs => %(tolerance)s)
    GROUP BY loaded.id
), timed AS (
    SELECT id, min(atc) OVER (PARTITION BY card_id ORDER BY at DESC, id DESC NULLS LAST ROWS UNBOUNDED PRECEDING) AS behind
    FROM (
        SELECT NULL AS id, card_id, atc, occurred_at AS at FROM tap
        UNION ALL SELECT id, card_id, NULL, loaded_at FROM loaded
    ) AS event
), event AS (
    SELECT card_id, atc, 1 AS is_tap, 0::bigint AS loaded_fen, amount_fen, balance_fen, occurred_at, received_at FROM tap
    UNION ALL
    SELECT card_id, coalesce(near.follows, near.precedes, timed.behind), 0, amount_fen, NULL, NULL, NULL, NULL
    FROM loaded JOIN timed USING (id) LEFT JOIN near USING (id)
), summed AS (
    SELECT *, sum(loaded_fen) OVER (PARTITION BY card_id ORDER BY atc, is_tap ROWS UNBOUNDED PRECEDING)::bigint AS loads_fen
    FROM event WHERE atc IS NOT NULL
), step AS (
    SELECT card_id, atc, lag(atc) OVER card AS before_atc, amount_fen,
        lag(balance_fen) OVER card - balance_fen AS fell_fen,
        loads_fen - lag(loads_fen) OVER card AS loaded_fen,
        lag(balance_fen) OVER card + loads_fen - lag(loads_fen) OVER card - balance_fen - amount_fen AS missing_fen,
        occurred_at, received_at,
        min(received_at) OVER (higher ROWS UNBOUNDED PRECEDING) AS known_at,
        min(occurred_at) OVER (higher ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS higher_at
    FROM summed WHERE is_tap = 1
    WINDOW card AS (PARTITION BY card_id ORDER BY atc), higher AS (PARTITION BY card_id ORDER BY atc DESC)
)"""
CARD_FAULTS: Final = (
    _CARDS  # noqa: S608  constants only
    + _STEPS
    + """, gap AS (
    SELECT card_id, lower(range) AS first, upper(range) - 1 AS last
    FROM counted, unnest(int4multirange(range_merge(seen)) - seen) AS range
)
SELECT kind, counted.pan, first, last, count, since, missing_fen FROM (
    SELECT 'gap' AS kind, gap.card_id, first, last, last - first + 1 AS count, known_at AS since, missing_fen
    FROM gap JOIN step ON step.card_id = gap.card_id AND step.atc = gap.last + 1
    UNION ALL
    SELECT 'break', card_id, atc, atc, 1, received_at, missing_fen FROM step
    WHERE atc = before_atc + 1 AND missing_fen <> 0
    UNION ALL
    SELECT 'rollback', card_id, atc, atc, 1, received_at, NULL FROM step WHERE higher_at < occurred_at - make_interval(secs => %(tolerance)s)
    UNION ALL
    SELECT 'conflict', card_id, atc, atc, count(*), min(received_at), NULL FROM terminals_tap
    WHERE outcome = 3 AND (%(cards)s::bigint[] IS NULL OR card_id = ANY(%(cards)s)) GROUP BY card_id, atc
) AS fault JOIN counted USING (card_id)
ORDER BY pan, first, kind LIMIT %(limit)s
"""
)
BALANCE_LAW: Final = (
    _CARDS
    + _STEPS
    + """
SELECT count(DISTINCT card_id), coalesce(sum(fell_fen + loaded_fen), 0), coalesce(sum(amount_fen), 0),
    coalesce(sum(missing_fen) FILTER (WHERE atc > before_atc + 1), 0),
    coalesce(sum(missing_fen) FILTER (WHERE atc = before_atc + 1), 0)
FROM step WHERE before_atc IS NOT NULL
"""
)

# The stored text of a duplicate was read before, so its numbers are where they belong; JSON in another spelling is not named.
DUPLICATES: Final = r"""
SELECT number, counter, count(*), min(received_at) FROM (
    SELECT received_at, CASE WHEN record LIKE '{%%' THEN substring(record FROM %(json_number)s)
            ELSE rtrim(substr(record, %(number_at)s, %(number_width)s)) END AS number,
        CASE WHEN record LIKE '{%%' THEN substring(record FROM %(json_counter)s)
            ELSE substr(record, %(counter_at)s, %(counter_width)s) END::bigint AS counter
    FROM terminals_refusal WHERE code = 'duplicate' AND (%(day)s::date IS NULL OR business_date = %(day)s)
) AS again WHERE number IS NOT NULL AND (%(numbers)s::text[] IS NULL OR number = ANY(%(numbers)s))
GROUP BY number, counter ORDER BY number, counter LIMIT %(limit)s
"""
CARD_FIELDS: Final = {
    "json_number": '"card_no"\\s*:\\s*"([0-9]+)"',
    "json_counter": '"atc"\\s*:\\s*([0-9]+)',
    "number_at": 24,
    "number_width": 19,
    "counter_at": 43,
    "counter_width": 5,
}
TERMINAL_FIELDS: Final = {
    "json_number": '"terminal_no"\\s*:\\s*"([0-9A-F]+)"',
    "json_counter": '"terminal_seq"\\s*:\\s*([0-9]+)',
    "number_at": 2,
    "number_width": 12,
    "counter_at": 14,
    "counter_width": 10,
}

TERMINAL_FAULTS: Final = """
WITH device AS (
    SELECT id, code, terminal_no, sequences_seen AS seen FROM terminals_terminal
    WHERE %(terminals)s::bigint[] IS NULL OR id = ANY(%(terminals)s)
), gap AS (
    SELECT id, code, lower(range) AS first, upper(range) - 1 AS last
    FROM device, unnest(int8multirange(range_merge(seen)) - seen) AS range
), used AS (
    SELECT terminal_id, terminal_seq, occurred_at, received_at FROM terminals_tap
    WHERE outcome <> 8 AND (%(terminals)s::bigint[] IS NULL OR terminal_id = ANY(%(terminals)s))
    UNION ALL
    SELECT terminal_id, terminal_seq, occurred_at, received_at FROM terminals_grey
    WHERE id IN (SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
        AND (%(terminals)s::bigint[] IS NULL OR terminal_id = ANY(%(terminals)s))
), step AS (
    SELECT terminal_id, terminal_seq, occurred_at, received_at,
        min(received_at) OVER (higher ROWS UNBOUNDED PRECEDING) AS known_at,
        min(occurred_at) OVER (higher ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS higher_at
    FROM used
    WINDOW higher AS (PARTITION BY terminal_id ORDER BY terminal_seq DESC)
)
SELECT kind, code, first, last, count, since, NULL::bigint FROM (
    SELECT 'gap' AS kind, code, first, last, last - first + 1 AS count, known_at AS since
    FROM gap JOIN step ON step.terminal_id = gap.id AND step.terminal_seq = gap.last + 1
    UNION ALL
    SELECT 'rollback', code, terminal_seq, terminal_seq, 1, received_at FROM step JOIN device ON device.id = terminal_id
    WHERE higher_at < occurred_at - make_interval(secs => %(tolerance)s)
) AS fault ORDER BY code, first, kind LIMIT %(limit)s
"""
