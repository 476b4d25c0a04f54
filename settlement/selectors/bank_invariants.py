"""What must hold between payouts, bank statements, suspense and the ledger: said in SQL, apart from the posting templates."""

from __future__ import annotations

from typing import Final

# Kinds 60 to 66, see Transfer.Kind. Each document asks for exactly its transfers, and no transfer is without.
_TRANSFERS: Final = """
WITH account AS (
    SELECT id, code FROM accounts_ledgeraccount
), payout AS (
    SELECT o.*, merchant.settlement_id FROM settlement_payoutorder o JOIN terminals_merchant merchant ON merchant.id = o.merchant_id
), expected (kind, source_id, debit_id, debit, credit_id, credit, fen) AS (
    SELECT 60, id, settlement_id, NULL, NULL::bigint, '2205', amount_fen FROM payout WHERE state NOT IN ('waiting', 'dropped')
    UNION ALL SELECT 62, id, NULL, '2205', settlement_id, NULL, amount_fen FROM payout WHERE state = 'rejected'
    UNION ALL SELECT 61, entry.id, NULL, '2205', NULL, '1001', payout.amount_fen
        FROM settlement_bankentry entry JOIN payout ON payout.id = entry.order_id WHERE entry.what = 'payout'
    UNION ALL SELECT 63, entry.id, NULL, '1001', payout.settlement_id, NULL, payout.amount_fen
        FROM settlement_bankentry entry JOIN payout ON payout.id = entry.order_id WHERE entry.what = 'return'
    UNION ALL SELECT 65, id, NULL, '1001', NULL, '2241', signed_fen
        FROM settlement_bankentry WHERE what = 'suspense' AND signed_fen > 0
    UNION ALL SELECT 65, id, NULL, '1221', NULL, '1001', -signed_fen
        FROM settlement_bankentry WHERE what = 'suspense' AND signed_fen < 0
    UNION ALL SELECT 66, id, NULL, '2241', target_id, NULL, signed_fen
        FROM settlement_suspenseitem WHERE state = 'resolved' AND signed_fen > 0
    UNION ALL SELECT 66, id, target_id, NULL, NULL, '1221', -signed_fen
        FROM settlement_suspenseitem WHERE state = 'resolved' AND signed_fen < 0
), asked AS (
    SELECT kind::smallint AS kind, source_id, coalesce(expected.debit_id, debit.id) AS debit_id,
        coalesce(expected.credit_id, credit.id) AS credit_id, fen
    FROM expected LEFT JOIN account debit ON debit.code = expected.debit LEFT JOIN account credit ON credit.code = expected.credit
), posted AS (
    SELECT kind, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer WHERE kind IN (60, 61, 62, 63, 65, 66)
)
SELECT format('kind %%s of document %%s', kind, source_id),
    format('%%s: %%s fen from account %%s to %%s', fault, fen, credit_id, debit_id)
FROM ((SELECT 'missing' AS fault, * FROM asked EXCEPT ALL SELECT 'missing', * FROM posted)
    UNION ALL (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM asked)) AS differing
ORDER BY 1, 2
"""

_IN_TRANSIT: Final = """
SELECT 'account 2205', format('%%s fen in the ledger, %%s in orders on their way', ledger.fen, orders.fen)
FROM (SELECT coalesce(sum(t.credit_fen - t.debit_fen), 0) AS fen FROM accounts_tally t
      JOIN accounts_ledgeraccount a ON a.id = t.account_id WHERE a.code = '2205') AS ledger,
    (SELECT coalesce(sum(amount_fen), 0) AS fen FROM settlement_payoutorder WHERE state = 'sent') AS orders
WHERE ledger.fen <> orders.fen
"""

_ORDERS_HAVE_ENTRIES: Final = """
SELECT o.end_to_end_id, format('%%s, booked %%s times, returned %%s times', o.state, seen.paid, seen.returned)
FROM settlement_payoutorder o CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE what = 'payout') AS paid, count(*) FILTER (WHERE what = 'return') AS returned
    FROM settlement_bankentry entry WHERE entry.order_id = o.id
        AND abs(entry.signed_fen) = o.amount_fen
) AS seen
WHERE (seen.paid, seen.returned) <> (CASE o.state WHEN 'paid' THEN 1 WHEN 'returned' THEN 1 ELSE 0 END,
    CASE o.state WHEN 'returned' THEN 1 ELSE 0 END)
"""

_BATCH_IS_THE_SUM: Final = """
SELECT batch.number, format('%%s orders, %%s fen; found %%s, %%s fen', batch.count, batch.total_fen, found.count, found.fen)
FROM settlement_payoutbatch batch CROSS JOIN LATERAL (
    SELECT count(*) AS count, coalesce(sum(amount_fen), 0) AS fen FROM settlement_payoutorder WHERE batch_id = batch.id
) AS found
WHERE (batch.count, batch.total_fen) <> (found.count, found.fen)
"""

# A line stands for one transfer on the bank's account, of its amount and side; receipts (64) against the account of a claim.
_ENTRIES_ARE_BOOKED: Final = """
SELECT format('entry %%s', entry.id), format('%%s fen as %%s, booked %%s fen from %%s to %%s as kind %%s', entry.signed_fen,
    entry.what, t.amount_fen, t.credit_id, t.debit_id, t.kind)
FROM settlement_bankentry entry JOIN accounts_ledgeraccount bank ON bank.code = '1001'
LEFT JOIN accounts_transfer t ON (t.business_date, t.id) = (entry.transfer_date, entry.transfer_id)
LEFT JOIN accounts_ledgeraccount other ON other.id = CASE WHEN t.debit_id = bank.id THEN t.credit_id ELSE t.debit_id END
WHERE t.id IS NULL OR bank.id NOT IN (t.debit_id, t.credit_id) OR abs(entry.signed_fen) <> t.amount_fen
    OR (entry.signed_fen > 0) <> (t.debit_id = bank.id)
    OR entry.what <> 'known' AND (t.source_id <> entry.id OR t.kind <> CASE entry.what WHEN 'payout' THEN 61
        WHEN 'return' THEN 63 WHEN 'receipt' THEN 64 ELSE 65 END)
    OR entry.what = 'receipt' AND NOT EXISTS (
        SELECT FROM settlement_banksource source JOIN settlement_bankstatement statement ON statement.id = entry.statement_id
        WHERE source.state = 'approved' AND source.valid_from <= statement.day AND source.chart = other.code
            AND (starts_with(entry.end_to_end_id, source.prefix) OR starts_with(entry.reference, source.prefix)
                OR starts_with(entry.note, source.prefix)))
UNION ALL
SELECT format('transfer %%s #%%s', t.business_date, t.id), 'kind ' || t.kind || ' of no bank entry' FROM accounts_transfer t
WHERE t.kind IN (61, 63, 64, 65) AND NOT EXISTS (
    SELECT FROM settlement_bankentry entry WHERE (entry.transfer_date, entry.transfer_id) = (t.business_date, t.id))
ORDER BY 1
"""

_CHAIN: Final = """
SELECT statement.number, format('opens with %%s fen after %%s; %%s entries of %%s fen, closes with %%s', statement.opening_fen,
    coalesce(before.closing_fen, 0), found.count, found.fen, statement.closing_fen)
FROM settlement_bankstatement statement LEFT JOIN settlement_bankstatement before ON before.id = statement.previous_id
CROSS JOIN LATERAL (
    SELECT count(*) AS count, coalesce(sum(signed_fen), 0) AS fen FROM settlement_bankentry WHERE statement_id = statement.id
) AS found
WHERE statement.opening_fen <> coalesce(before.closing_fen, 0) OR statement.count <> found.count
    OR statement.opening_fen + found.fen <> statement.closing_fen
"""

_SUSPENSE: Final = """
SELECT format('entry %%s, item %%s', entry.id, item.id), format('%%s fen at the bank, %%s in suspense', entry.signed_fen, item.signed_fen)
FROM (SELECT * FROM settlement_bankentry WHERE what = 'suspense') AS entry
FULL JOIN (SELECT * FROM settlement_suspenseitem WHERE entry_id IS NOT NULL) AS item ON item.entry_id = entry.id
WHERE entry.signed_fen IS DISTINCT FROM item.signed_fen
"""

RULES: Final = {
    "a payout, a bank entry and a suspense item have their transfers, and no transfer is without": _TRANSFERS,
    "payouts in transit are the orders on their way": _IN_TRANSIT,
    "an order is booked and returned as its state says": _ORDERS_HAVE_ENTRIES,
    "a payout batch is the sum of its orders": _BATCH_IS_THE_SUM,
    "a bank entry is one transfer on the bank's account": _ENTRIES_ARE_BOOKED,
    "a bank statement begins where the one before ended, and adds up": _CHAIN,
    "what no one knows of a bank statement is an item in suspense": _SUSPENSE,
}
"""By name, as in `settlement.selectors.invariants`."""
