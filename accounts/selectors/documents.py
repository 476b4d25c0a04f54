"""What each document asks of the ledger, said a second time in SQL, apart from the posting templates.

An order, a refund, a pass, a remittance names the accounts and the amount of each transfer it caused. Taps, payments and
statements are proved beside their own tables.
"""

from __future__ import annotations

from typing import Final

# Kinds: see Transfer.Kind. A zero amount asks for nothing.
_DOCUMENTS: Final = """
WITH account AS (
    SELECT id, code FROM accounts_ledgeraccount
), topup AS (
    SELECT o.*, money.id AS money_id, p.account_id, CASE
            WHEN o.gateway_id IS NOT NULL THEN '2032' WHEN o.channel IN ('kiosk', 'repair', 'refund', 'dispute', 'replaced') THEN '1011'
            ELSE money.code END AS back
    FROM accounts_topuporder o JOIN accounts_purse p ON p.id = o.purse_id
    LEFT JOIN account money ON money.code = CASE o.channel WHEN 'cash' THEN '1011' WHEN 'gateway' THEN '1012'
        WHEN 'agent' THEN '1013' WHEN 'kiosk' THEN '1014' WHEN 'mandate' THEN '1015' WHEN 'repair' THEN '2202'
        WHEN 'refund' THEN '2202' WHEN 'dispute' THEN '1222' WHEN 'replaced' THEN '2034' ELSE '1231' END
        || CASE o.party WHEN '' THEN '' ELSE '.' || o.party END
    WHERE o.paid_at IS NOT NULL
), sold AS (
    SELECT id AS card_id, state, price_fen, deposit_fen FROM accounts_card WHERE price_fen IS NOT NULL
), refund AS (
    SELECT * FROM accounts_refund WHERE state IN ('approved', 'paid', 'failed')
), returned AS (
    SELECT card_id, '2032' AS owed_by, deposit_fen, damage_fen FROM refund
    UNION ALL
    SELECT sold.card_id, CASE WHEN r.id IS NULL THEN '1011' ELSE '2034' END, sold.deposit_fen, CASE WHEN r.id IS NOT NULL
            THEN sold.deposit_fen - r.deposit_fen ELSE least(coalesce(damage.amount_fen, 0), sold.deposit_fen) END
    FROM sold LEFT JOIN accounts_carddamage damage ON damage.card_id = sold.card_id
        LEFT JOIN accounts_replacement r ON r.old_id = sold.card_id
    WHERE sold.state = 'closed' AND sold.card_id NOT IN (SELECT card_id FROM refund)
), lapse AS (
    SELECT l.*, CASE WHEN product.rides IS NULL OR product.unused = 'operator' THEN product.operator_id END AS operator_id
    FROM accounts_passlapse l JOIN accounts_pass held ON held.id = l.card_pass_id
    JOIN accounts_passproduct product ON product.id = held.product_id
), given_back AS (
    SELECT held.id, held.refunded_fen, least(product.refund_fee_fen, held.refunded_fen) AS fee_fen
    FROM accounts_pass held JOIN accounts_passproduct product ON product.id = held.product_id
    WHERE held.state = 'refunded'
), undone AS (
    SELECT journal.kind, journal.source FROM accounts_counterreversal r JOIN accounts_drawerentry entry ON entry.id = r.entry_id
    JOIN accounts_journal journal ON journal.id = entry.journal_id WHERE r.state = 'approved'
), expected (kind, source_id, debit_id, debit, credit_id, credit, fen) AS (
    SELECT 1, id, money_id, NULL, NULL::bigint, '2031', amount_fen FROM topup
    UNION ALL SELECT 2, id, NULL, '2031', account_id, NULL, amount_fen FROM topup WHERE state IN ('confirmed', 'reversed')
        AND confirmed_at IS NOT NULL
    UNION ALL SELECT 3, id, NULL, '2031', NULL, back, amount_fen FROM topup WHERE state = 'reversed'
    UNION ALL SELECT 4, card_id, NULL, '1011', NULL, '6002', price_fen FROM sold
    UNION ALL SELECT 5, card_id, NULL, '1011', NULL, '2021', deposit_fen FROM sold
    UNION ALL SELECT 6, card_id, NULL, '2021', NULL, owed_by, deposit_fen - damage_fen FROM returned
    UNION ALL SELECT 9, card_id, NULL, '2021', NULL, '6003', damage_fen FROM returned
    UNION ALL SELECT 7, card_id, NULL, '2032', NULL, '6003', fee_fen FROM refund
    UNION ALL SELECT 8, card_id, NULL, '6002', NULL, '2032', price_fen FROM refund
    UNION ALL SELECT 33, card_id, NULL, '6711', NULL, '2032', interest_fen FROM refund
    UNION ALL SELECT 15, id, NULL, '1011', NULL, '2051', price_fen FROM accounts_pass WHERE paid_by = 'cash'
    UNION ALL SELECT 16, id, NULL, '2051', payee_id, NULL, value_fen FROM accounts_passuse
    UNION ALL SELECT 17, id, NULL, '2051', operator_id, CASE WHEN operator_id IS NULL THEN '6003' END, value_fen FROM lapse
    UNION ALL SELECT 18, id, NULL, '2051', NULL, '1011', refunded_fen - fee_fen FROM given_back
    UNION ALL SELECT 18, id, NULL, '2051', NULL, '6003', fee_fen FROM given_back
    UNION ALL SELECT 31, r.id, NULL, '2032', topup.money_id, NULL, r.amount_fen
        FROM accounts_gatewayrefund r JOIN topup ON topup.id = r.order_id WHERE r.state = 'succeeded'
    UNION ALL SELECT 31, id, NULL, '2032', NULL, CASE method WHEN 'cash' THEN '1011' ELSE '1001' END, amount_fen
        FROM accounts_refundpart WHERE method <> 'gateway' AND state <> 'waiting'
    UNION ALL SELECT 36, id, NULL, '6711', NULL, '2033', amount_fen FROM accounts_compensation
    UNION ALL SELECT 37, note.id, NULL, '2033', p.account_id, CASE WHEN p.id IS NULL THEN '1011' END, note.amount_fen
        FROM accounts_compensation note LEFT JOIN accounts_purse p ON p.id = note.purse_id WHERE note.state = 'paid'
    UNION ALL SELECT 50, id, NULL, "into", account_id, NULL, expected_fen FROM accounts_remittance
    UNION ALL SELECT 50, id, NULL, "into", NULL, '2241', counted_fen - expected_fen FROM accounts_remittance
    UNION ALL SELECT 50, id, NULL, '1221', NULL, "into", expected_fen - counted_fen FROM accounts_remittance
    UNION ALL SELECT 50, id, NULL, '1001', payer_id, NULL, amount_fen FROM accounts_subsidyfunds
    UNION ALL SELECT 70, id, bearer_id, NULL, NULL, '1222', amount_fen FROM accounts_disputedcharge WHERE state = 'granted'
    UNION ALL SELECT 71, part.id, topup.account_id, NULL, NULL, '1222', part.amount_fen FROM accounts_creditreturn part
        JOIN accounts_disputedcharge charge ON charge.id = part.charge_id JOIN topup ON topup.id = charge.order_id
        WHERE part.rule = 'purse'
    UNION ALL SELECT 73, p.id, CASE WHEN part.fen > 0 THEN p.account_id END, CASE WHEN part.fen < 0 THEN '2034' END,
        CASE WHEN part.fen < 0 THEN p.account_id END, CASE WHEN part.fen > 0 THEN '2034' END, abs(part.fen)
        FROM accounts_replacement r JOIN accounts_purse p ON p.card_id = r.old_id
        CROSS JOIN LATERAL (SELECT CASE p.kind WHEN 'chip' THEN r.chip_fen ELSE r.account_fen END AS fen) AS part WHERE r.state = 'moved'
    UNION ALL SELECT 72, id, NULL, '6711', NULL, '1222', amount_fen FROM accounts_creditreturn WHERE rule = 'written_off'
    UNION ALL SELECT 75, sold.card_id, NULL, '6002', NULL, '1011', sold.price_fen FROM undone
        JOIN accounts_card card ON card.pan = undone.source JOIN sold ON sold.card_id = card.id WHERE undone.kind = 'card_sale'
    UNION ALL SELECT 76, topup.id, account_id, NULL, NULL, '2031', amount_fen FROM undone
        JOIN topup ON topup.number = undone.source WHERE undone.kind = 'topup_paid' AND topup.confirmed_at IS NOT NULL
    UNION ALL SELECT 74, id, NULL, '1011', NULL, '2241', difference_fen FROM accounts_drawercount WHERE state = 'approved'
    UNION ALL SELECT 74, id, NULL, '1221', NULL, '1011', -difference_fen FROM accounts_drawercount WHERE state = 'approved'
), asked AS (
    SELECT kind::smallint AS kind, source_id, coalesce(expected.debit_id, debit.id) AS debit_id,
        coalesce(expected.credit_id, credit.id) AS credit_id, fen
    FROM expected LEFT JOIN account debit ON debit.code = expected.debit LEFT JOIN account credit ON credit.code = expected.credit
    WHERE fen > 0
), posted AS (
    SELECT t.kind, t.source_id, t.debit_id, t.credit_id, t.amount_fen FROM accounts_transfer t
    WHERE t.kind IN (1, 2, 3, 5, 6, 7, 8, 9, 15, 16, 17, 18, 33, 36, 37, 50, 70, 71, 72, 73, 74, 75, 76)
        OR t.kind = 4 AND t.credit_id = (SELECT id FROM account WHERE code = '6002')
        -- What came back from a payer's bank cancels what was sent there.
        OR t.kind IN (31, 32) AND NOT EXISTS (
            SELECT FROM accounts_transfer back WHERE back.kind = 63 - t.kind AND back.source_id = t.source_id
                AND (back.debit_id, back.credit_id, back.amount_fen) = (t.credit_id, t.debit_id, t.amount_fen))
)
SELECT format('kind %%s of document %%s', kind, source_id), format('%%s: %%s fen from account %%s to %%s', fault, fen,
    coalesce((SELECT code FROM account WHERE id = credit_id), 'not opened'),
    coalesce((SELECT code FROM account WHERE id = debit_id), 'not opened'))
FROM ((SELECT 'missing' AS fault, * FROM asked EXCEPT ALL SELECT 'missing', * FROM posted)
    UNION ALL (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM asked)) AS differing
"""

RULES: Final = {
    "a document has the transfers that it asks for, and no transfer is without": _DOCUMENTS,
    "a refund empties its card into what is owed": """
        SELECT refund.number, format('%%s fen by the refund, %%s posted, %%s left', refund.balance_fen, moved.fen, purses.fen)
        FROM accounts_refund refund CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN t.debit_id = p.account_id THEN t.amount_fen ELSE -t.amount_fen END), 0) AS fen
            FROM accounts_purse p JOIN accounts_transfer t ON t.kind = 30 AND t.source_id = p.id
                AND p.account_id IN (t.debit_id, t.credit_id)
            JOIN accounts_ledgeraccount owed ON owed.code = '2032' AND owed.id IN (t.debit_id, t.credit_id)
            WHERE p.card_id = refund.card_id
        ) AS moved CROSS JOIN LATERAL (
            SELECT sum(abs(balance_fen)) AS fen FROM accounts_purse WHERE card_id = refund.card_id
        ) AS purses
        WHERE refund.state IN ('approved', 'paid', 'failed') AND (refund.balance_fen, 0) <> (moved.fen, purses.fen)""",
    "a credit of a dispute is its charge's, over its amount, for its card": """
        SELECT coalesce(o.number, charge.what || ' #' || charge.source_id), format('order over %%s fen, disputed %%s', o.amount_fen,
            charge.amount_fen)
        FROM (SELECT * FROM accounts_topuporder WHERE channel = 'dispute') AS o
        FULL JOIN (SELECT * FROM accounts_disputedcharge WHERE order_id IS NOT NULL) AS charge ON charge.order_id = o.id
        WHERE (o.amount_fen, o.card_id) IS DISTINCT FROM (charge.amount_fen, charge.card_id)
            OR charge.state <> 'granted' AND o.state <> 'confirmed'""",
    "what follows a replaced card is what it held, and all of it": """
        SELECT coalesce(r.old_id::text, o.old_id), format('%%s fen left the old card, orders over %%s fen', coalesce(r.fen, 0),
            coalesce(o.fen, 0))
        FROM (SELECT old_id, chip_fen + account_fen + deposit_fen AS fen FROM accounts_replacement WHERE state = 'moved') AS r
        FULL JOIN (SELECT split_part(request_key, ':', 2) AS old_id, sum(amount_fen) AS fen FROM accounts_topuporder
            WHERE channel = 'replaced' GROUP BY 1) AS o ON o.old_id = r.old_id::text
        WHERE coalesce(r.fen, 0) <> coalesce(o.fen, 0)""",
    "a replaced card is out of use, and empty once its money has followed": """
        SELECT card.pan, format('replacement %%s, card %%s, %%s fen left', r.state, card.state, purses.fen)
        FROM accounts_replacement r JOIN accounts_card card ON card.id = r.old_id CROSS JOIN LATERAL (
            SELECT coalesce(sum(abs(balance_fen)), 0) AS fen FROM accounts_purse WHERE card_id = card.id) AS purses
        WHERE (r.state = 'waiting') <> (card.state = 'replaced') OR r.state = 'moved' AND purses.fen > 0
        UNION ALL SELECT new.pan, 'is closed while the money of ' || r.old_id || ' waits for it' FROM accounts_replacement r
            JOIN accounts_card new ON new.id = r.new_id WHERE r.state = 'waiting' AND new.state IN ('refunding', 'closed')
            AND NOT EXISTS (SELECT FROM accounts_replacement WHERE old_id = new.id)
        UNION ALL SELECT card.pan, 'replaced by no card' FROM accounts_card card WHERE card.state = 'replaced'
            AND NOT EXISTS (SELECT FROM accounts_replacement WHERE old_id = card.id)""",
    "what disputes have advanced is in account 1222": """
        SELECT 'account 1222', format('%%s fen in the ledger, %%s advanced', ledger.fen, advanced.fen - returned.fen)
        FROM (SELECT coalesce(sum(t.debit_fen - t.credit_fen), 0) AS fen FROM accounts_tally t
              JOIN accounts_ledgeraccount a ON a.id = t.account_id WHERE a.code = '1222') AS ledger,
            (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_disputedcharge
             WHERE order_id IS NOT NULL AND state <> 'granted') AS advanced,
            (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_creditreturn) AS returned
        WHERE ledger.fen <> advanced.fen - returned.fen""",
}
"""By name, as in `accounts.selectors.invariants`."""
