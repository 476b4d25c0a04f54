"""What must always be true of the books, each rule one query that finds what breaks it.

The tables have no foreign keys out of the hot path and trust their triggers; this is where both are proved.
"""

from __future__ import annotations

from typing import Any, Final

from accounts.selectors import documents, drawer_rules, stock_rules
from citizencard.core.invariants import Breach, breaches

# What a purse is debited for: purchases, payments, refunds, greys, rides, claims, credits of disputes, corrections, reversals.
VALUES: Final[dict[str, Any]] = {"from_purses": [10, 11, 13, 30, 43, 44, 47, 59, 71, 73, 76]}

RULES: Final = {
    "a transfer stands between two accounts of the ledger": """
        SELECT t.business_date || ' #' || t.id, 'accounts ' || t.debit_id || ' and ' || t.credit_id
        FROM accounts_transfer t
        LEFT JOIN accounts_ledgeraccount d ON d.id = t.debit_id
        LEFT JOIN accounts_ledgeraccount c ON c.id = t.credit_id
        WHERE d.id IS NULL OR c.id IS NULL""",
    "a transfer belongs to a journal of its business date": """
        SELECT t.business_date || ' #' || t.id, 'journal ' || t.journal_id || ' of ' || coalesce(j.business_date::text, 'no day')
        FROM accounts_transfer t LEFT JOIN accounts_journal j ON j.id = t.journal_id
        WHERE j.business_date IS DISTINCT FROM t.business_date""",
    "a transfer was posted to a business day that exists": """
        SELECT t.business_date::text, count(*) || ' transfers'
        FROM accounts_transfer t LEFT JOIN core_businessday d ON d.date = t.business_date
        WHERE d.date IS NULL GROUP BY t.business_date""",
    "a purse holds the sum of its transfers": """
        SELECT card.pan, 'purse ' || p.balance_fen || ' fen in ' || p.movements || ' movements, ledger '
            || coalesce(m.balance, 0) || ' in ' || coalesce(m.legs, 0)
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id
        LEFT JOIN (
            SELECT account, sum(change) AS balance, count(*) AS legs FROM (
                SELECT credit_id AS account, amount_fen AS change FROM accounts_transfer
                UNION ALL SELECT debit_id, -amount_fen FROM accounts_transfer
            ) AS leg GROUP BY account
        ) AS m ON m.account = p.account_id
        WHERE (p.balance_fen, p.movements) <> (coalesce(m.balance, 0), coalesce(m.legs, 0))""",
    "a tally is the sum of its transfers": """
        SELECT account.code || ' ' || business_date, format('debit %%s, credit %%s, %%s transfers; tally %%s, %%s, %%s',
            moved.debit, moved.credit, moved.transfers, tally.debit, tally.credit, tally.transfers)
        FROM (
            SELECT coalesce(a.control_id, a.id) AS account_id, leg.business_date, sum(leg.debit) AS debit,
                sum(leg.credit) AS credit, sum(leg.transfers) AS transfers
            FROM (
                SELECT debit_id AS id, business_date, sum(amount_fen) AS debit, 0 AS credit, count(*) AS transfers
                FROM accounts_transfer GROUP BY 1, 2
                UNION ALL
                SELECT credit_id, business_date, 0, sum(amount_fen), count(*) FROM accounts_transfer GROUP BY 1, 2
            ) AS leg JOIN accounts_ledgeraccount a ON a.id = leg.id GROUP BY 1, 2
        ) AS moved FULL JOIN (
            SELECT account_id, business_date, sum(debit_fen) AS debit, sum(credit_fen) AS credit,
                sum(transfers) AS transfers
            FROM accounts_tally GROUP BY 1, 2
        ) AS tally USING (account_id, business_date)
        LEFT JOIN accounts_ledgeraccount account ON account.id = account_id
        WHERE (moved.debit, moved.credit, moved.transfers) IS DISTINCT FROM (tally.debit, tally.credit, tally.transfers)""",
    "a closing balance is the tallies up to its date": """
        SELECT account.code || ' ' || closing.business_date, format('%%s/%%s, tallies %%s/%%s',
            closing.debit_fen, closing.credit_fen, tally.debit, tally.credit)
        FROM accounts_closing closing JOIN accounts_ledgeraccount account ON account.id = closing.account_id
        CROSS JOIN LATERAL (
            SELECT sum(debit_fen) AS debit, sum(credit_fen) AS credit FROM accounts_tally
            WHERE account_id = closing.account_id AND business_date <= closing.business_date
        ) AS tally
        WHERE (closing.debit_fen, closing.credit_fen) IS DISTINCT FROM (tally.debit, tally.credit)""",
    "debits are credits on every date": """
        SELECT business_date::text, format('debit %%s, credit %%s', sum(debit_fen), sum(credit_fen))
        FROM accounts_tally GROUP BY business_date HAVING sum(debit_fen) <> sum(credit_fen)""",
    "what the city holds is what it owes and has earned": """
        SELECT 'all accounts', format('held and spent %%s fen, owed and earned %%s', held, owed) FROM (
            SELECT coalesce(sum(t.debit_fen - t.credit_fen) FILTER (WHERE a.side = 'D'), 0) AS held,
                coalesce(sum(t.credit_fen - t.debit_fen) FILTER (WHERE a.side = 'C'), 0) AS owed
            FROM accounts_tally t JOIN accounts_ledgeraccount a ON a.id = t.account_id
        ) AS total WHERE held <> owed""",
    "the purses add up to their control account": """
        SELECT c.code, format('purses %%s fen, account %%s', purses.fen, control.fen)
        FROM accounts_ledgeraccount c
        JOIN LATERAL (SELECT coalesce(sum(p.balance_fen), 0) AS fen FROM accounts_purse p
            JOIN accounts_ledgeraccount a ON a.id = p.account_id WHERE a.control_id = c.id) AS purses ON true
        JOIN LATERAL (SELECT coalesce(sum(credit_fen - debit_fen), 0) AS fen FROM accounts_tally
            WHERE account_id = c.id) AS control ON true
        WHERE c.code IN ('2011', '2012', '2013') AND purses.fen <> control.fen""",
    "a purse is debited for what it has a document for": """
        SELECT t.business_date || ' #' || t.id, 'kind ' || t.kind || ' from ' || a.code
        FROM accounts_transfer t JOIN accounts_ledgeraccount a ON a.id = t.debit_id
        WHERE t.kind <> ALL(%(from_purses)s) AND a.control_id IS NOT NULL""",
    "a deposit is returned once, and not more than was taken": """
        SELECT card.pan, format('taken %%s fen, returned %%s', given.taken, given.returned) FROM (
            SELECT source_id, coalesce(sum(amount_fen) FILTER (WHERE kind = 5), 0) AS taken,
                coalesce(sum(amount_fen) FILTER (WHERE kind <> 5), 0) AS returned
            FROM accounts_transfer WHERE kind IN (5, 6, 9) GROUP BY source_id
        ) AS given JOIN accounts_card card ON card.id = given.source_id
        WHERE given.returned NOT IN (0, given.taken)""",
    "refunds payable are those not paid yet": """
        SELECT 'account 2032', format('%%s fen in the ledger, %%s in refunds', ledger.fen, parts.fen + gateway.fen + reversed.fen)
        FROM (SELECT coalesce(sum(t.credit_fen - t.debit_fen), 0) AS fen FROM accounts_tally t
              JOIN accounts_ledgeraccount a ON a.id = t.account_id WHERE a.code = '2032') AS ledger,
            (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_refundpart
             WHERE method <> 'gateway' AND state = 'waiting') AS parts,
            (SELECT coalesce(sum(part.amount_fen), 0) AS fen FROM accounts_refundpart part
             LEFT JOIN accounts_gatewayrefund sent ON sent.key = part.key
             WHERE part.method = 'gateway' AND (sent.state IN ('requested', 'sent')
                OR sent.state = 'failed' AND part.state <> 'failed' OR sent.state IS NULL AND part.state = 'waiting')
            ) AS gateway,
            (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_gatewayrefund
             WHERE cause = 'reversal' AND state <> 'succeeded') AS reversed
        WHERE ledger.fen <> parts.fen + gateway.fen + reversed.fen""",
    "a card is being refunded while its refund is under way": """
        SELECT card.pan, 'state ' || card.state || ', refund ' || coalesce(r.state, 'none')
        FROM accounts_card card
        FULL JOIN (SELECT card_id, state FROM accounts_refund WHERE state IN ('requested', 'cooling', 'due')) AS r
            ON r.card_id = card.id
        WHERE (card.state = 'refunding') <> (r.state IS NOT NULL)""",
    "a journal has transfers": """
        SELECT j.key, 'posted ' || j.business_date FROM accounts_journal j
        WHERE j.digest IS NOT NULL AND NOT EXISTS (
            SELECT FROM accounts_transfer t WHERE t.business_date = j.business_date AND t.journal_id = j.id)""",
    "a purse keeps floor and ceiling, those of its product": """
        SELECT card.pan || ' ' || p.kind, format('%%s fen, %%s held, between %%s and %%s; product between %%s and %%s',
            p.balance_fen, p.held_fen, p.floor_fen, p.ceiling_fen, product.floor, product.ceiling)
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id
        JOIN LATERAL (
            SELECT CASE p.kind WHEN 'chip' THEN -overdraft_fen ELSE 0 END AS floor,
                CASE p.kind WHEN 'chip' THEN balance_limit_fen ELSE account_limit_fen END AS ceiling
            FROM accounts_cardproduct WHERE code = card.product_id
        ) AS product ON true
        WHERE p.balance_fen - p.held_fen < p.floor_fen OR p.balance_fen > p.ceiling_fen
            OR (p.floor_fen, p.ceiling_fen) <> (product.floor, product.ceiling)""",
    "a purse account stands in the chart of the product it was sold as, under its control account": """
        SELECT card.pan, 'account ' || a.code
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id
        LEFT JOIN accounts_registration later ON later.card_id = card.id
        JOIN accounts_cardproduct product ON product.code = coalesce(later.before_id, card.product_id)
        JOIN accounts_ledgeraccount a ON a.id = p.account_id LEFT JOIN accounts_ledgeraccount c ON c.id = a.control_id
        WHERE a.code <> a.chart || '.' || card.pan OR c.code IS DISTINCT FROM a.chart OR a.chart <>
            CASE WHEN p.kind = 'account' THEN '2013' WHEN product.real_name THEN '2011' ELSE '2012' END""",
    "an account's side is its chart's": """
        SELECT code, 'side ' || side FROM accounts_ledgeraccount
        WHERE side <> CASE WHEN chart < '2' OR chart LIKE '67%%' THEN 'D' ELSE 'C' END""",
    "value in transit is the paid orders not yet confirmed": """
        SELECT 'account 2031', ledger.fen || ' fen in the ledger, ' || orders.fen || ' in orders'
        FROM (SELECT coalesce(sum(CASE WHEN t.credit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END), 0) AS fen
              FROM accounts_ledgeraccount a JOIN accounts_transfer t ON a.id IN (t.credit_id, t.debit_id)
              WHERE a.code = '2031') AS ledger,
             (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_topuporder
              WHERE state IN ('paid', 'loaded')) AS orders
        WHERE ledger.fen <> orders.fen""",
    "an order's postings are those of its state": """
        SELECT posted.number, posted.state || ', posted ' || coalesce(nullif(posted.kinds, ''), 'nothing')
        FROM (
            SELECT o.id, o.number, o.state, o.paid_at, o.confirmed_at, coalesce(string_agg(t.kind::text, ',' ORDER BY t.kind), '') AS kinds,
                bool_and(t.amount_fen = o.amount_fen) AS right_amount
            FROM accounts_topuporder o
            LEFT JOIN accounts_transfer t ON t.source_id = o.id AND t.kind IN (1, 2, 3)
            GROUP BY o.id
        ) AS posted
        WHERE NOT posted.right_amount OR posted.kinds <> CASE posted.state
            WHEN 'init' THEN '' WHEN 'paid' THEN '1' WHEN 'loaded' THEN '1' WHEN 'confirmed' THEN '1,2'
            ELSE CASE WHEN posted.paid_at IS NULL THEN '' WHEN posted.confirmed_at IS NULL THEN '1,3' ELSE '1,2,3' END END""",
    "the load counters seen are those of confirmed orders": """
        SELECT card.pan, seen.count || ' counters seen, ' || done.count || ' loads confirmed'
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id AND p.kind = 'chip',
        LATERAL (SELECT coalesce(sum(upper(r) - lower(r)), 0) AS count FROM unnest(p.online_seen) AS r) AS seen,
        LATERAL (SELECT count(*) AS count FROM accounts_topuporder o
                 WHERE o.purse_id = p.id AND o.state = 'confirmed' AND o.online_atc <@ p.online_seen) AS done,
        LATERAL (SELECT count(*) AS count FROM accounts_topuporder o
                 WHERE o.purse_id = p.id AND o.state = 'confirmed') AS total
        WHERE seen.count <> done.count OR done.count <> total.count""",
    "what is unused of passes is in account 2051": """
        SELECT 'account 2051', ledger.fen || ' fen in the ledger, ' || passes.fen || ' in passes'
        FROM (SELECT coalesce(sum(CASE WHEN t.credit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END), 0) AS fen
              FROM accounts_ledgeraccount a JOIN accounts_transfer t ON a.id IN (t.credit_id, t.debit_id)
              WHERE a.code = '2051') AS ledger,
             (SELECT coalesce(sum(unused_fen), 0) AS fen FROM accounts_pass) AS passes
        WHERE ledger.fen <> passes.fen""",
    "a pass is its rides, its time, its refund and what is unused": """
        SELECT p.number, p.price_fen || ' fen, of which ' || used.fen || ' in ' || used.rides || ' rides, ' || lapsed.fen
            || ' lapsed, ' || p.refunded_fen || ' given back, ' || p.unused_fen || ' unused; rides left '
            || coalesce(p.rides_left::text, 'any')
        FROM accounts_pass p JOIN accounts_passproduct product ON product.id = p.product_id,
        LATERAL (SELECT coalesce(sum(value_fen), 0) AS fen, count(*) AS rides FROM accounts_passuse u
                 WHERE u.card_pass_id = p.id) AS used,
        LATERAL (SELECT coalesce(sum(value_fen), 0) AS fen FROM accounts_passlapse l
                 WHERE l.card_pass_id = p.id) AS lapsed
        WHERE p.price_fen <> used.fen + lapsed.fen + p.refunded_fen + p.unused_fen
            OR p.rides_left <> product.rides - used.rides""",
    "what a purse sets aside is what its holds reserve": """
        SELECT card.pan || ' ' || p.kind, 'held ' || p.held_fen || ' fen, reserved ' || coalesce(h.fen, 0)
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id
        LEFT JOIN (
            SELECT purse_id, sum(amount_fen - captured_fen) AS fen FROM accounts_hold WHERE state = 'reserved' GROUP BY 1
        ) AS h ON h.purse_id = p.id
        WHERE p.held_fen <> coalesce(h.fen, 0)""",
    "what is captured of a hold is its payments": """
        SELECT h.key, 'captured ' || h.captured_fen || ' fen, paid ' || coalesce(p.fen, 0)
        FROM accounts_hold h
        LEFT JOIN (SELECT hold_id, sum(amount_fen) AS fen FROM accounts_payment GROUP BY 1) AS p ON p.hold_id = h.id
        WHERE h.captured_fen <> coalesce(p.fen, 0)""",
    "a payment or its refund is one transfer between its purse and its payee": """
        SELECT coalesce(told.key, 'transfer #' || t.id), 'told ' || coalesce(told.fen::text, 'nothing')
            || ' fen, posted ' || coalesce(t.amount_fen::text, 'nothing')
        FROM (
            SELECT 13 AS kind, p.id, p.key, purse.account_id AS debit_id, p.payee_id AS credit_id, p.amount_fen AS fen
            FROM accounts_payment p JOIN accounts_purse purse ON purse.id = p.purse_id
            UNION ALL
            SELECT 14, r.id, r.key, p.payee_id, purse.account_id, r.amount_fen
            FROM accounts_paymentrefund r JOIN accounts_payment p ON p.id = r.payment_id
            JOIN accounts_purse purse ON purse.id = p.purse_id
        ) AS told FULL JOIN (
            SELECT id, kind, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer WHERE kind IN (13, 14)
        ) AS t ON (t.kind, t.source_id) = (told.kind, told.id)
        WHERE (t.debit_id, t.credit_id, t.amount_fen) IS DISTINCT FROM (told.debit_id, told.credit_id, told.fen)""",
    "no payment is refunded beyond what was paid": """
        SELECT p.key, 'paid ' || p.amount_fen || ' fen, refunded ' || r.fen
        FROM accounts_payment p
        JOIN (SELECT payment_id, sum(amount_fen) AS fen FROM accounts_paymentrefund GROUP BY 1) AS r ON r.payment_id = p.id
        WHERE r.fen > p.amount_fen""",
    "a card is replaced by one that was made for it": """
        SELECT old.pan, 'replaced by ' || coalesce(new.pan, 'none')
        FROM accounts_replacement r LEFT JOIN accounts_card old ON old.id = r.old_id
        LEFT JOIN accounts_card new ON new.id = r.new_id
        WHERE new.id IS NULL OR old.id IS NULL OR new.id <= old.id OR new.product_id <> old.product_id
            OR new.citizen_id IS DISTINCT FROM old.citizen_id""",
    "a card is where its last event left it": """
        SELECT card.pan, 'state ' || card.state || ', last event ' || coalesce(last.target, 'none')
        FROM accounts_card card LEFT JOIN LATERAL (
            SELECT target FROM accounts_cardevent e WHERE e.card_id = card.id ORDER BY e.id DESC LIMIT 1
        ) AS last ON true
        WHERE last.target IS DISTINCT FROM card.state""",
    "a card's events follow each other": """
        SELECT card.pan, 'event ' || step.id || ' from ' || step.source || ' after ' || step.before
        FROM (SELECT id, card_id, source, lag(target, 1, '') OVER (PARTITION BY card_id ORDER BY id) AS before
              FROM accounts_cardevent) AS step JOIN accounts_card card ON card.id = step.card_id
        WHERE step.source <> step.before""",
    "the triggers that guard the ledger are on": """
        SELECT wanted.relation || '.' || wanted.trigger, coalesce('enabled: ' || t.tgenabled::text, 'missing')
        FROM (VALUES ('accounts_transfer', 'append_only'), ('accounts_transfer', 'post_transfers'),
                     ('accounts_journal', 'append_only'), ('accounts_cardevent', 'append_only'),
                     ('accounts_closing', 'append_only'), ('accounts_purse', 'begins_empty'),
                     ('accounts_purse', 'held_by_holds'), ('accounts_card', 'changes_by_registration'), ('accounts_hold', 'reserve'), ('accounts_hold', 'free'),
                     ('accounts_hold', 'one_way'), ('accounts_payment', 'append_only'),
                     ('accounts_paymentrefund', 'append_only'), ('accounts_paymentrefund', 'within_payment'),
                     ('accounts_limitpolicy', 'append_only'), ('accounts_creditreturn', 'append_only'),
                     ('accounts_creditreturn', 'within_credit'), ('accounts_replacement', 'moves_once'),
                     ('accounts_card', 'walks_its_life'),
                     ('core_businessday', 'close_accounts'), ('core_auditentry', 'append_only')) AS wanted (relation, trigger)
        LEFT JOIN pg_trigger t ON t.tgrelid = wanted.relation::regclass AND t.tgname = wanted.trigger
        WHERE coalesce(t.tgenabled, 'D') NOT IN ('O', 'A')
        UNION ALL
        SELECT child.inhrelid::regclass::text || '.through_parent_only', coalesce('enabled: ' || t.tgenabled::text, 'missing')
        FROM pg_inherits child LEFT JOIN pg_trigger t
            ON t.tgrelid = child.inhrelid AND t.tgname = 'through_parent_only'
        WHERE child.inhparent = 'accounts_transfer'::regclass AND coalesce(t.tgenabled, 'D') NOT IN ('O', 'A')""",
    **documents.RULES,
    **stock_rules.RULES,
    **drawer_rules.RULES,
}
OF_A_DATE: Final = {
    "transfers": (
        "a transfer stands between two accounts of the ledger",
        "a transfer belongs to a journal of its business date",
        "a transfer was posted to a business day that exists",
        "a purse is debited for what it has a document for",
    ),
    "tallies": (
        "a journal has transfers",
        "a tally is the sum of its transfers",
        "debits are credits on every date",
    ),
}
"""Rules that speak of one date's rows at a time, in the parts of a nightly check: true of all dates when true of each."""
IN_SHORT: Final = {
    "transfers": """
        SELECT EXISTS (SELECT FROM core_businessday WHERE date = %(day)s)
            AND count(*) = (SELECT count(*) FROM accounts_transfer)
        FROM accounts_transfer t JOIN accounts_journal j ON j.id = t.journal_id
        JOIN accounts_ledgeraccount d ON d.id = t.debit_id JOIN accounts_ledgeraccount c ON c.id = t.credit_id
        WHERE t.kind = ANY(%(from_purses)s) OR d.control_id IS NULL""",
}
"""Whether all rules of a part hold, by reading its rows once; what breaks one is looked for when they do not."""
OF_NOW: Final = (
    "the purses add up to their control account",
    "a purse keeps floor and ceiling, those of its product",
    "what a purse sets aside is what its holds reserve",
    "a purse account stands in the chart of the product it was sold as, under its control account",
    "an account's side is its chart's",
    "refunds payable are those not paid yet",
    "a card is being refunded while its refund is under way",
    "what disputes have advanced is in account 1222",
    "a credit of a dispute is its charge's, over its amount, for its card",
    "what follows a replaced card is what it held, and all of it",
    "a replaced card is out of use, and empty once its money has followed",
    "the triggers that guard the ledger are on",
)
"""Rules about what stands now, whose price does not grow with the dates."""


def rules() -> tuple[str, ...]:
    """The names of everything `broken` checks."""
    return tuple(RULES)


def broken() -> list[Breach]:
    """Every rule that does not hold; empty when the books are right."""
    return breaches(RULES.items(), VALUES)
