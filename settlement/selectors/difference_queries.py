"""What the legs of a date do not agree on, in SQL: one FULL JOIN of purchases and transfers, and what lies beside it.

Every query but the last yields the columns of COLUMNS; `%(day)s` is a sealed business date. `ours_fen` is what the centre has,
`theirs_fen` what terminal or bank say.
"""

from __future__ import annotations

from typing import Final

COLUMNS: Final = (
    "business_date, kind, subject, terminal_id, merchant_id, terminal_seq, source_id, transfer_id, sequences, count,"
    " ours_fen, theirs_fen, since"
)

# Kinds 10 to 12 are PURCHASE, PURCHASE_HELD, PURCHASE_CLAIM; outcomes as in Tap.Outcome. A purchase over nothing has no transfer.
RECORDS: Final = """
SELECT %(day)s::date AS business_date, CASE
        WHEN tap_id IS NULL THEN 'not_a_purchase'
        WHEN transfer_id IS NULL THEN 'not_in_ledger'
        WHEN tap_fen <> transfer_fen OR transfer_kind <> CASE outcome WHEN 1 THEN 10 WHEN 4 THEN 12 ELSE 11 END THEN 'ledger_differs'
        ELSE (ARRAY['', 'hot_listed', 'counter_conflict', 'over_balance', 'over_limit', 'over_price', 'late', 'key_unusable',
            'card_not_active'])[outcome]
    END AS kind,
    CASE WHEN tap_id IS NULL THEN format('transfer:%%s:%%s', %(day)s::date, transfer_id)
        ELSE concat_ws(':', 'tap', %(day)s::date, tap_id, CASE WHEN tap_fen <> transfer_fen THEN transfer_id END) END AS subject,
    terminal_id, merchant_id, terminal_seq, coalesce(tap_id, source_id) AS source_id, transfer_id, NULL::int8multirange AS sequences,
    1 AS count, CASE WHEN outcome IS NULL OR outcome IN (1, 4) THEN coalesce(transfer_fen, 0) ELSE 0 END AS ours_fen,
    coalesce(tap_fen, 0) AS theirs_fen, coalesce(received_at, posted_at) AS since
FROM (
    SELECT tap.id AS tap_id, tap.terminal_id, tap.merchant_id, tap.terminal_seq, tap.amount_fen AS tap_fen, tap.outcome, tap.received_at,
        moved.id AS transfer_id, moved.source_id, moved.kind AS transfer_kind, moved.amount_fen AS transfer_fen,
        moved.occurred_at AS posted_at
    FROM (SELECT * FROM terminals_tap WHERE business_date = %(day)s) AS tap
    FULL JOIN (
        SELECT * FROM accounts_transfer WHERE business_date = %(day)s AND kind IN (10, 11, 12)
    ) AS moved ON moved.source_id = tap.id
    WHERE tap.id IS NULL OR tap.amount_fen <> coalesce(moved.amount_fen, 0)
        OR tap.amount_fen > 0 AND (tap.outcome <> 1 OR moved.kind <> 10)
) AS differing
"""

# A record refused is kept as text, JSON or columns, and may be anything.
REFUSALS: Final = r"""
WITH refused AS (
    SELECT refusal.*, terminal.id AS terminal_id, terminal.merchant_id, terminal.terminal_no,
        coalesce(substring(record FROM '"terminal_no"\s*:\s*"([0-9A-F]{12})"'), substring(record FROM '^D([0-9A-F]{12})')) AS number,
        coalesce(substring(record FROM '"terminal_seq"\s*:\s*([0-9]{1,10})[^0-9]'), substring(record FROM '^D.{12}([0-9]{10})')) AS seq,
        coalesce(substring(record FROM '"amount_fen"\s*:\s*([0-9]{1,10})[^0-9]'), substring(record FROM '^D.{48}([0-9]{10})'), '0') AS fen
    FROM terminals_refusal AS refusal JOIN terminals_batch AS batch ON batch.id = refusal.batch_id
    JOIN terminals_terminal AS terminal ON terminal.id = batch.terminal_id
    WHERE refusal.business_date = %(day)s
)
SELECT business_date, code AS kind, format('refusal:%%s:%%s', business_date, id) AS subject, terminal_id, merchant_id,
    CASE WHEN number = terminal_no THEN seq::bigint END AS terminal_seq, id AS source_id, NULL::bigint AS transfer_id,
    NULL::int8multirange AS sequences, 1 AS count, 0::bigint AS ours_fen, fen::bigint AS theirs_fen, received_at AS since
FROM refused WHERE code <> 'duplicate'
UNION ALL
SELECT business_date, code, format('batch:%%s', batch_id), terminal_id, merchant_id, NULL, batch_id, NULL, NULL, count(*)::int, 0,
    sum(fen::bigint)::bigint, min(received_at)
FROM refused WHERE code = 'duplicate' GROUP BY business_date, code, batch_id, terminal_id, merchant_id
"""

# Windows that the date's purchases can lie in, by the span of each terminal's sequences: a join by ranges alone would meet all of the past.
COUNT_WINDOWS: Final = """
WITH span AS (
    SELECT terminal_id, min(terminal_seq) AS low, max(terminal_seq) AS high FROM terminals_tap
    WHERE business_date = %(day)s AND terminal_id IN (SELECT terminal_id FROM terminals_terminaltotal) GROUP BY terminal_id
), near AS MATERIALIZED (
    SELECT told.* FROM terminals_terminaltotal AS told JOIN span USING (terminal_id) WHERE from_seq <= high AND to_seq >= low
)
INSERT INTO settlement_windowcount (total_id, business_date, records, amount_fen)
SELECT near.id, %(day)s, count(*), sum(tap.amount_fen)
FROM terminals_tap AS tap JOIN near ON near.terminal_id = tap.terminal_id AND tap.terminal_seq BETWEEN from_seq AND to_seq
WHERE tap.business_date = %(day)s AND tap.terminal_seq <> ALL (near.unfinished)
GROUP BY near.id ON CONFLICT DO NOTHING
"""
TOTALS: Final = """
WITH touched AS (
    SELECT id FROM terminals_terminaltotal WHERE business_date = %(day)s
    UNION SELECT total_id FROM settlement_windowcount WHERE business_date = %(day)s
    UNION SELECT told.id FROM settlement_difference AS refusal JOIN terminals_terminaltotal AS told
        ON told.terminal_id = refusal.terminal_id AND refusal.terminal_seq BETWEEN from_seq AND to_seq
    WHERE refusal.business_date = %(day)s
)
SELECT told.business_date, told.kind, format('total:%%s', told.total_id) AS subject, terminal_id, merchant_id,
    NULL::bigint AS terminal_seq, told.total_id AS source_id, NULL::bigint AS transfer_id, NULL::int8multirange AS sequences,
    CASE WHEN told.kind = 'amount_differs' THEN told.told ELSE abs(told.told - told.here) END AS count,
    told.here_fen AS ours_fen, told.told_fen AS theirs_fen, told.received_at AS since
FROM settlement_totalcheck AS told JOIN terminals_terminal AS terminal ON terminal.id = told.terminal_id
WHERE told.kind IS NOT NULL AND told.total_id IN (SELECT id FROM touched)
"""

# The date before: its terminals have had a day to tell their totals. One that never told any is not expected to.
UNCOVERED: Final = """
SELECT tap.business_date, 'total_missing' AS kind, format('terminal:%%s:%%s', terminal.code, tap.business_date) AS subject,
    tap.terminal_id, terminal.merchant_id, NULL::bigint AS terminal_seq, tap.terminal_id AS source_id, NULL::bigint AS transfer_id,
    range_agg(int8range(terminal_seq, terminal_seq, '[]')) AS sequences, count(*)::int AS count, sum(tap.amount_fen)::bigint AS ours_fen,
    0::bigint AS theirs_fen, (%(day)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AS since
FROM terminals_tap AS tap
JOIN (
    SELECT terminal_id, min(from_seq) AS first, range_agg(int8range(from_seq, to_seq, '[]')) AS covered
    FROM terminals_terminaltotal GROUP BY terminal_id
) AS told ON told.terminal_id = tap.terminal_id
JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
WHERE tap.business_date = %(day)s::date - 1 AND tap.terminal_seq >= told.first AND NOT told.covered @> tap.terminal_seq
GROUP BY tap.business_date, tap.terminal_id, terminal.code, terminal.merchant_id
"""

# Not of a date: everything at the bank that is not as it should be.
BANK: Final = """
SELECT batch.through AS business_date, 'missing_at_bank' AS kind, 'order:' || o.end_to_end_id AS subject, NULL::bigint AS terminal_id,
    o.merchant_id, NULL::bigint AS terminal_seq, o.id AS source_id, NULL::bigint AS transfer_id, NULL::int8multirange AS sequences,
    1 AS count, o.amount_fen AS ours_fen, 0::bigint AS theirs_fen, shown.at AS since
FROM settlement_payoutorder AS o JOIN settlement_payoutbatch AS batch ON batch.id = o.batch_id
CROSS JOIN LATERAL (
    SELECT min(file.at) AS at FROM settlement_bankstatement AS statement JOIN settlement_bankfile AS file ON file.id = statement.file_id
    WHERE statement.day >= batch.value_date
) AS shown
WHERE o.state = 'sent' AND shown.at IS NOT NULL
UNION ALL
SELECT batch.through, 'returned', 'order:' || o.end_to_end_id, NULL, o.merchant_id, NULL, o.id, NULL, NULL, 1, o.amount_fen, 0, coalesce(
    (SELECT file.at FROM settlement_bankentry AS entry JOIN settlement_bankstatement AS statement ON statement.id = entry.statement_id
        JOIN settlement_bankfile AS file ON file.id = statement.file_id WHERE entry.order_id = o.id AND entry.what = 'return'),
    (SELECT max(file.at) FROM settlement_bankfile AS file WHERE file.batch_id = batch.id AND file.kind = 'pain.002'), batch.sent_at)
FROM settlement_payoutorder AS o JOIN settlement_payoutbatch AS batch ON batch.id = o.batch_id
WHERE o.state IN ('rejected', 'returned')
UNION ALL
SELECT entry.booked_on, 'unknown_at_bank', 'entry:' || entry.id, NULL, o.merchant_id, NULL, item.id, entry.transfer_id, NULL, 1,
    0, abs(item.signed_fen), file.at
FROM settlement_suspenseitem AS item JOIN settlement_bankentry AS entry ON entry.id = item.entry_id
JOIN settlement_bankstatement AS statement ON statement.id = entry.statement_id
JOIN settlement_bankfile AS file ON file.id = statement.file_id LEFT JOIN settlement_payoutorder AS o ON o.id = entry.order_id
UNION ALL
SELECT (at AT TIME ZONE 'Asia/Shanghai')::date, 'bank_amount_differs', 'file:' || id, NULL, NULL, NULL, NULL, NULL, NULL,
    (SELECT count(*) FROM jsonb_array_elements(problems) AS problem WHERE problem ->> 'fault' = 'amount_differs')::int, 0, 0, at
FROM settlement_bankfile WHERE problems @> '[{"fault": "amount_differs"}]'
"""

EXPLAINED: Final = """
CASE
    WHEN known.kind = 'duplicate' THEN true
    WHEN known.kind IN ('missing_upload', 'beyond_total', 'amount_differs') THEN known.kind IS DISTINCT FROM (
        SELECT told.kind FROM settlement_totalcheck AS told WHERE told.total_id = known.source_id)
    WHEN known.kind = 'total_missing' THEN known.sequences <@ (
        SELECT range_agg(int8range(from_seq, to_seq, '[]')) FROM terminals_terminaltotal WHERE terminal_id = known.terminal_id)
    WHEN known.kind IN ('bad_tac', 'unknown_card', 'test_card', 'illegal_data', 'future') THEN EXISTS (
        SELECT FROM terminals_terminal WHERE id = known.terminal_id AND sequences_seen @> known.terminal_seq)
    WHEN known.kind IN ('hot_listed', 'counter_conflict', 'over_limit', 'over_price', 'late', 'key_unusable', 'card_not_active') THEN EXISTS (
        SELECT FROM terminals_heldresolution WHERE tap_id = known.source_id)
    WHEN known.kind = 'over_balance' THEN EXISTS (SELECT FROM terminals_claimresolution WHERE claim_id = known.transfer_id)
    WHEN known.kind = 'missing_at_bank' THEN EXISTS (
        SELECT FROM settlement_payoutorder WHERE id = known.source_id AND state <> 'sent')
    WHEN known.kind = 'returned' THEN EXISTS (
        SELECT FROM settlement_payoutorder WHERE merchant_id = known.merchant_id AND id > known.source_id AND state = 'paid')
    WHEN known.kind = 'unknown_at_bank' THEN EXISTS (
        SELECT FROM settlement_suspenseitem WHERE id = known.source_id AND state = 'resolved')
    WHEN known.kind = 'bank_amount_differs' THEN EXISTS (
        SELECT FROM settlement_bankfile AS refused JOIN settlement_bankfile AS taken ON taken.kind = refused.kind AND taken.at > refused.at
        WHERE 'file:' || refused.id = known.subject AND taken.problems = '[]')
    ELSE false
END
"""
"""Whether later data explain the row `known`."""
