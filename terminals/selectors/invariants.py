"""What must always be true of taps, batches and counters, each rule one query that finds what breaks it.

Taps and refusals have no foreign keys, and counters are kept beside them as sets; this is where both are proved.
"""

from __future__ import annotations

from typing import Any, Final

from citizencard.core.invariants import Breach, breaches
from terminals.wire.reasons import REASONS

LISTED_WITHIN_S: Final = 60
"""A report counts for every upload that comes in later than this; what was being judged meanwhile may have missed it."""
VALUES: Final[dict[str, Any]] = {
    "listed_within": LISTED_WITHIN_S,
    "ruled": [reason.code for reason in REASONS.values() if reason.rule],
}

# Kinds 10, 11, 12: paid, held, claimed. Outcomes: 1 accepted, 2 hot-listed, 3 counter conflict,
# 4 over balance, 5 over limit, 6 over price, 7 late, 8 key unusable, 9 card not active.
RULES: Final = {
    "a tap stands on a batch, terminal, merchant and card that exist": """
        SELECT t.business_date || ' #' || t.id, 'batch ' || t.batch_id || ', terminal ' || t.terminal_id
            || ', merchant ' || t.merchant_id || ', card ' || t.card_id
        FROM terminals_tap t
        LEFT JOIN terminals_batch b ON b.id = t.batch_id AND b.terminal_id = t.terminal_id
        LEFT JOIN terminals_terminal d ON d.id = t.terminal_id
        LEFT JOIN terminals_merchant m ON m.id = t.merchant_id
        LEFT JOIN accounts_purse p ON p.card_id = t.card_id AND p.kind = 'chip'
        WHERE b.id IS NULL OR d.id IS NULL OR m.id IS NULL OR p.card_id IS NULL""",
    "a tap has the business date of its batch": """
        SELECT t.business_date || ' #' || t.id, 'batch of ' || b.business_date
        FROM terminals_tap t JOIN terminals_batch b ON b.id = t.batch_id WHERE b.business_date <> t.business_date""",
    "a tap with an amount has its one transfer, and a transfer its tap": """
        SELECT coalesce(tap.business_date, moved.business_date) || ' #' || coalesce(tap.id, moved.source_id),
            coalesce('tap over ' || tap.amount_fen || ' fen', 'no tap') || ', '
            || coalesce(moved.count || ' transfers over ' || moved.fen || ' fen', 'no transfer')
        FROM (SELECT * FROM terminals_tap WHERE amount_fen > 0) AS tap
        FULL JOIN (
            SELECT business_date, source_id, count(*) AS count, sum(amount_fen) AS fen FROM accounts_transfer
            WHERE kind IN (10, 11, 12) GROUP BY business_date, source_id
        ) AS moved ON moved.business_date = tap.business_date AND moved.source_id = tap.id
        WHERE (moved.count, moved.fen) IS DISTINCT FROM (1::bigint, tap.amount_fen::numeric)""",
    "a transfer of a tap runs as its outcome asks": """
        SELECT t.business_date || ' #' || t.id, 'outcome ' || t.outcome || ', kind ' || moved.kind || ', '
            || coalesce(debit.code, 'nowhere') || ' to ' || coalesce(credit.code, 'nowhere')
        FROM terminals_tap t
        JOIN accounts_transfer moved ON moved.business_date = t.business_date AND moved.source_id = t.id
            AND moved.kind IN (10, 11, 12)
        LEFT JOIN accounts_ledgeraccount debit ON debit.id = moved.debit_id
        LEFT JOIN accounts_ledgeraccount credit ON credit.id = moved.credit_id
        JOIN accounts_purse p ON p.card_id = t.card_id AND p.kind = 'chip'
        JOIN terminals_merchant m ON m.id = t.merchant_id
        WHERE NOT coalesce(CASE t.outcome
            WHEN 1 THEN moved.kind = 10 AND debit.id = p.account_id AND credit.id = m.payable_id
            WHEN 3 THEN moved.kind = 11 AND debit.code = '1221' AND credit.code = '2241'
            WHEN 4 THEN moved.kind = 12 AND debit.code = '1221' AND credit.id = m.payable_id
            WHEN 8 THEN moved.kind = 11 AND debit.code = '1221' AND credit.code = '2241'
            ELSE moved.kind = 11 AND (debit.id = p.account_id OR debit.code = '1221') AND credit.code = '2241'
            END, false)""",
    "every record of a batch is a tap or a refusal": """
        SELECT 'batch ' || b.id || ' ' || b.number, b.accepted || ' accepted, ' || b.suspended || ' suspended, '
            || b.duplicate || ' duplicate, ' || b.rejected || ' rejected; kept ' || coalesce(taps.accepted, 0) || ', '
            || coalesce(taps.suspended, 0) || ', ' || coalesce(refused.duplicate, 0) || ', ' || coalesce(refused.rejected, 0)
        FROM terminals_batch b
        LEFT JOIN (SELECT batch_id, count(*) FILTER (WHERE outcome = 1) AS accepted,
                       count(*) FILTER (WHERE outcome > 1) AS suspended
                   FROM terminals_tap GROUP BY batch_id) AS taps ON taps.batch_id = b.id
        LEFT JOIN (SELECT batch_id, count(*) FILTER (WHERE code = 'duplicate') AS duplicate,
                       count(*) FILTER (WHERE code <> 'duplicate') AS rejected
                   FROM terminals_refusal GROUP BY batch_id) AS refused ON refused.batch_id = b.id
        WHERE (b.accepted, b.suspended, b.duplicate, b.rejected) IS DISTINCT FROM
            (coalesce(taps.accepted, 0), coalesce(taps.suspended, 0), coalesce(refused.duplicate, 0),
             coalesce(refused.rejected, 0))""",
    "a refusal belongs to a batch of its business date": """
        SELECT r.business_date || ' #' || r.id, 'batch ' || r.batch_id || ' of ' || coalesce(b.business_date::text, 'no day')
        FROM terminals_refusal r LEFT JOIN terminals_batch b ON b.id = r.batch_id
        WHERE b.business_date IS DISTINCT FROM r.business_date""",
    "the purchase counters seen of a card are those of its taps": """
        SELECT card.pan, 'seen ' || p.offline_seen || ', of taps ' || coalesce(taps.counters, '{}')
        FROM accounts_purse p JOIN accounts_card card ON card.id = p.card_id
        LEFT JOIN (SELECT card_id, range_agg(int4range(atc, atc, '[]')) AS counters FROM (
                SELECT card_id, atc FROM terminals_tap WHERE outcome NOT IN (3, 8)
                UNION ALL SELECT card_id, atc FROM terminals_grey WHERE id IN (
                    SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
            ) AS paid GROUP BY card_id) AS taps ON taps.card_id = p.card_id
        WHERE p.kind = 'chip' AND p.offline_seen <> coalesce(taps.counters, '{}')""",
    "a card's counter pays once": """
        SELECT card.pan, 'counter ' || twice.atc || ' in ' || twice.count || ' taps'
        FROM (SELECT card_id, atc, count(*) AS count FROM (
                SELECT card_id, atc FROM terminals_tap WHERE outcome NOT IN (3, 8)
                UNION ALL SELECT card_id, atc FROM terminals_grey WHERE id IN (
                    SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
            ) AS paid GROUP BY card_id, atc HAVING count(*) > 1) AS twice
        JOIN accounts_card card ON card.id = twice.card_id""",
    "the sequences seen of a terminal are those of its taps": """
        SELECT d.code, 'seen ' || d.sequences_seen || ', of taps ' || coalesce(taps.sequences, '{}')
        FROM terminals_terminal d
        LEFT JOIN (SELECT terminal_id, range_agg(int8range(terminal_seq, terminal_seq, '[]')) AS sequences FROM (
                SELECT terminal_id, terminal_seq FROM terminals_tap WHERE outcome <> 8
                UNION ALL SELECT terminal_id, terminal_seq FROM terminals_grey WHERE id IN (
                    SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
            ) AS paid GROUP BY terminal_id) AS taps ON taps.terminal_id = d.id
        WHERE d.sequences_seen <> coalesce(taps.sequences, '{}')""",
    "a terminal's sequence pays once": """
        SELECT d.code, 'sequence ' || twice.terminal_seq || ' in ' || twice.count || ' taps'
        FROM (SELECT terminal_id, terminal_seq, count(*) AS count FROM (
                SELECT terminal_id, terminal_seq FROM terminals_tap WHERE outcome <> 8
                UNION ALL SELECT terminal_id, terminal_seq FROM terminals_grey WHERE id IN (
                    SELECT grey_id FROM terminals_greystep WHERE state = 'settled')
            ) AS paid GROUP BY terminal_id, terminal_seq HAVING count(*) > 1) AS twice
        JOIN terminals_terminal d ON d.id = twice.terminal_id""",
    "a tap is settled on one date": """
        SELECT '#' || id, count(*) || ' dates' FROM terminals_tap GROUP BY id HAVING count(*) > 1""",
    "a card known to be on the hot list pays nobody": """
        SELECT t.business_date || ' #' || t.id, 'card ' || e.pan || ' listed ' || e.listed_at || ', paid ' || t.occurred_at
        FROM terminals_hotlistentry e JOIN accounts_card card ON card.pan = e.pan
        JOIN terminals_tap t ON t.card_id = card.id
        WHERE t.outcome = 1 AND e.cause <> 'inactive' AND t.occurred_at >= e.effective_at
            AND (e.removed_at IS NULL OR t.occurred_at < e.removed_at)
            AND t.received_at > e.listed_at + make_interval(secs => %(listed_within)s)""",
    "a card is missed for now while its report for now stands": """
        SELECT coalesce(card.pan, report.number), 'state ' || coalesce(card.state, 'of none') || ', report '
            || coalesce(report.number, 'none')
        FROM (SELECT * FROM accounts_card WHERE state = 'lost_temp') AS card
        FULL JOIN (SELECT * FROM terminals_lossreport WHERE state = 'standing' AND kind = 'temporary') AS report
            ON report.card_id = card.id
        WHERE card.id IS NULL OR report.id IS NULL""",
    "a held purchase decided has the transfers that its rule asks for": """
        WITH decided AS (
            SELECT done.*, (SELECT id FROM accounts_ledgeraccount WHERE code = '2241') AS held,
                (SELECT id FROM accounts_ledgeraccount WHERE code = '6711') AS borne
            FROM terminals_heldresolution AS done
        ), asked (kind, source_id, debit_id, credit_id, amount_fen) AS (
            SELECT 40, tap_id, held, payable_id, paid_fen FROM decided
            UNION ALL SELECT 41, tap_id, held, returned_to_id, amount_fen - paid_fen FROM decided WHERE party <> 'holder'
            UNION ALL SELECT 42, tap_id, borne, payable_id, amount_fen FROM decided WHERE party = 'centre'
        ), posted AS (
            SELECT kind::integer, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer WHERE kind IN (40, 41, 42)
        )
        SELECT 'tap #' || source_id, format('%%s: kind %%s, %%s fen from account %%s to %%s', fault, kind, amount_fen,
            debit_id, credit_id)
        FROM ((SELECT 'missing' AS fault, * FROM asked WHERE amount_fen > 0 EXCEPT ALL SELECT 'missing', * FROM posted)
            UNION ALL (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM asked)) AS differing""",
    "a held purchase is decided for a tap that was held, to whom it belongs": """
        SELECT 'tap #' || done.tap_id, 'outcome ' || coalesce(tap.outcome::text, 'of none') || ', party ' || done.party
        FROM terminals_heldresolution AS done
        LEFT JOIN terminals_tap AS tap ON (tap.business_date, tap.id) = (done.business_date, done.tap_id)
        LEFT JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
        LEFT JOIN accounts_transfer AS moved ON (moved.business_date, moved.source_id) = (tap.business_date, tap.id)
            AND moved.kind = 11
        LEFT JOIN accounts_ledgeraccount AS place ON place.id = done.returned_to_id
        WHERE tap.outcome IS DISTINCT FROM done.outcome OR tap.outcome IN (1, 4)
            OR (tap.amount_fen, merchant.payable_id) <> (done.amount_fen, done.payable_id)
            OR (place.code = '1221') <> (moved.debit_id = (SELECT id FROM accounts_ledgeraccount WHERE code = '1221'))
            OR place.control_id IS NULL AND place.code <> '1221'""",
    "what two people have decided of a held purchase or a claim is done as they said, and nothing else is": """
        SELECT 'proposal ' || coalesce(wanted.id, done.proposal_id), format('%%s of %%s fen, done %%s of %%s', wanted.paid_fen,
            wanted.amount_fen, done.paid_fen, done.amount_fen)
        FROM (SELECT * FROM terminals_heldproposal WHERE state = 'approved') AS wanted
        FULL JOIN (
            SELECT proposal_id, 'purchase' AS what, tap_id AS subject_id, amount_fen, paid_fen FROM terminals_heldresolution
            WHERE proposal_id IS NOT NULL
            UNION ALL SELECT proposal_id, 'claim', claim_id, amount_fen, NULL FROM terminals_claimresolution
            WHERE proposal_id IS NOT NULL
        ) AS done ON done.proposal_id = wanted.id
        WHERE (wanted.what, wanted.subject_id, wanted.amount_fen, wanted.paid_fen)
            IS DISTINCT FROM (done.what::varchar, done.subject_id, done.amount_fen, done.paid_fen)""",
    "a claim settled has its one transfer, out of the purse it was collected from or as a loss": """
        WITH asked (kind, source_id, debit_id, credit_id, amount_fen) AS (
            SELECT CASE rule WHEN 'collected' THEN 47 ELSE 48 END, claim_id,
                coalesce(purse_account_id, (SELECT id FROM accounts_ledgeraccount WHERE code = '6711')),
                (SELECT id FROM accounts_ledgeraccount WHERE code = '1221'), amount_fen FROM terminals_claimresolution
        ), posted AS (
            SELECT kind::integer, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer WHERE kind IN (47, 48)
        )
        SELECT 'claim #' || source_id, format('%%s: kind %%s, %%s fen from account %%s to %%s', fault, kind, amount_fen,
            debit_id, credit_id)
        FROM ((SELECT 'missing' AS fault, * FROM asked EXCEPT ALL SELECT 'missing', * FROM posted)
            UNION ALL (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM asked)) AS differing""",
    "a claim is collected from a purse of its own card": """
        SELECT 'claim #' || done.claim_id, 'account ' || done.purse_account_id FROM terminals_claimresolution AS done
        LEFT JOIN accounts_transfer AS claim ON (claim.business_date, claim.id) = (done.business_date, done.claim_id)
        LEFT JOIN terminals_tap AS tap ON claim.kind IN (11, 12)
            AND (tap.business_date, tap.id) = (claim.business_date, claim.source_id)
        LEFT JOIN terminals_grey AS grey ON claim.kind = 43 AND grey.id = claim.source_id
        LEFT JOIN terminals_ride AS ride ON claim.kind = 45 AND ride.id = claim.source_id
        LEFT JOIN accounts_purse AS purse ON purse.account_id = done.purse_account_id
        WHERE done.rule = 'collected' AND (purse.card_id, purse.kind) IS DISTINCT FROM
            (coalesce(tap.card_id, grey.card_id, ride.card_id), CASE claim.kind WHEN 45 THEN 'account' ELSE 'chip' END::varchar)""",
    "what waits in suspense is what is not decided, and every claim not settled is there": """
        WITH account AS (
            SELECT (SELECT id FROM accounts_ledgeraccount WHERE code = '2241') AS held,
                (SELECT id FROM accounts_ledgeraccount WHERE code = '1221') AS claims
        ), booked AS (
            SELECT 'held' AS what, sum(CASE WHEN credit_id = held THEN amount_fen ELSE -amount_fen END) AS fen
            FROM accounts_transfer, account WHERE kind IN (11, 40, 41) AND held IN (debit_id, credit_id)
            UNION ALL
            SELECT 'claimed', sum(CASE WHEN debit_id = claims THEN amount_fen ELSE -amount_fen END)
            FROM accounts_transfer, account WHERE kind IN (11, 12, 41, 43, 45, 47, 48) AND claims IN (debit_id, credit_id)
        ), waiting AS (
            SELECT 'held' AS what, sum(amount_fen) AS fen FROM terminals_waiting WHERE what = 'purchase'
            UNION ALL
            SELECT 'claimed', sum(fen) FROM (
                SELECT amount_fen AS fen FROM terminals_waiting WHERE what = 'claim'
                UNION ALL
                SELECT moved.amount_fen FROM terminals_waiting AS waiting
                JOIN accounts_transfer AS moved ON moved.business_date = waiting.business_date AND moved.kind = 11
                    AND moved.source_id = waiting.subject_id
                JOIN account ON moved.debit_id = claims WHERE waiting.what = 'purchase'
            ) AS each
        )
        SELECT what, format('booked %%s fen, waiting %%s', booked.fen, waiting.fen) FROM booked JOIN waiting USING (what)
        WHERE coalesce(booked.fen, 0) <> coalesce(waiting.fen, 0)""",
    "a grey record settled has its one transfer, and a transfer its grey record": """
        SELECT 'grey #' || coalesce(settled.id, moved.source_id), coalesce(settled.amount_fen || ' fen', 'not settled') || ', '
            || coalesce(moved.amount_fen || ' fen from account ' || moved.debit_id || ' to ' || moved.credit_id, 'no transfer')
        FROM (
            SELECT grey.id, grey.amount_fen, purse.account_id, merchant.payable_id
            FROM terminals_greystep AS step JOIN terminals_grey AS grey ON grey.id = step.grey_id
            JOIN accounts_purse AS purse ON purse.card_id = grey.card_id AND purse.kind = 'chip'
            JOIN terminals_merchant AS merchant ON merchant.id = grey.merchant_id
            WHERE step.state = 'settled' AND grey.amount_fen > 0
        ) AS settled
        FULL JOIN (SELECT * FROM accounts_transfer WHERE kind = 43) AS moved ON moved.source_id = settled.id
        WHERE NOT coalesce((moved.amount_fen, moved.credit_id) = (settled.amount_fen, settled.payable_id)
            AND (moved.debit_id = settled.account_id
                OR moved.debit_id = (SELECT id FROM accounts_ledgeraccount WHERE code = '1221')), false)""",
    "a ride by code is paid once, by its purse or as a claim": """
        WITH asked (kind, source_id, debit_id, credit_id, amount_fen) AS (
            SELECT CASE ride.outcome WHEN 'paid' THEN 44 ELSE 45 END, ride.id, CASE ride.outcome WHEN 'paid' THEN purse.account_id
                ELSE (SELECT id FROM accounts_ledgeraccount WHERE code = '1221') END, merchant.payable_id, ride.amount_fen
            FROM terminals_ride AS ride JOIN accounts_purse AS purse ON purse.card_id = ride.card_id AND purse.kind = 'account'
            JOIN terminals_merchant AS merchant ON merchant.id = ride.merchant_id
            WHERE ride.outcome IN ('paid', 'claimed') AND ride.amount_fen > 0
        ), posted AS (
            SELECT kind::integer, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer WHERE kind IN (44, 45)
        )
        SELECT 'ride #' || source_id, format('%%s: kind %%s, %%s fen from account %%s to %%s', fault, kind, amount_fen,
            debit_id, credit_id)
        FROM ((SELECT 'missing' AS fault, * FROM asked EXCEPT ALL SELECT 'missing', * FROM posted)
            UNION ALL (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM asked)) AS differing""",
    "what is given back of a purchase is an order of its card, out of its merchant's account, within the purchase": """
        SELECT coalesce(o.number, 'purchase ' || given.tap_date || ' #' || given.tap_id), 'order over '
            || coalesce(o.amount_fen::text, 'nothing') || ' fen from ' || coalesce(o.party, 'nobody') || ', return over '
            || coalesce(given.amount_fen::text, 'nothing') || ' of ' || coalesce(t.amount_fen::text, 'no purchase')
        FROM (SELECT * FROM accounts_topuporder WHERE channel = 'refund') AS o
        FULL JOIN terminals_purchasereturn given ON given.order_id = o.id
        LEFT JOIN terminals_tap t ON t.business_date = given.tap_date AND t.id = given.tap_id
        LEFT JOIN terminals_merchant m ON m.id = t.merchant_id
        WHERE (o.amount_fen, o.card_id, o.party, 1) IS DISTINCT FROM
                (given.amount_fen, t.card_id, m.code::varchar, t.outcome::integer)
            OR t.amount_fen < (SELECT sum(amount_fen) FROM terminals_purchasereturn AS other
                WHERE other.tap_date = given.tap_date AND other.tap_id = given.tap_id)""",
    "a refusal names a reason that has a rule": """
        SELECT r.business_date || ' #' || r.id, 'code ' || r.code
        FROM terminals_refusal r WHERE NOT r.code = ANY(%(ruled)s)""",
    "a fare given back is the top-up it waits in, off its merchant": """
        SELECT coalesce(o.number, 'order ' || given.order_id), format('charges %%s fen, order %%s; merchant %%s, through %%s',
            given.fen, o.amount_fen, given.merchants, o.party)
        FROM (SELECT order_id, card_id, sum(given_fen) AS fen, string_agg(DISTINCT m.code, ' ') AS merchants
              FROM terminals_farecharge c JOIN terminals_merchant m ON m.id = c.merchant_id
              WHERE order_id IS NOT NULL GROUP BY 1, 2) AS given
        FULL JOIN (SELECT * FROM accounts_topuporder WHERE channel = 'repair') AS o ON o.id = given.order_id
        WHERE (given.fen, given.merchants, given.card_id) IS DISTINCT FROM (o.amount_fen::numeric, o.party::text, o.card_id)""",
    "no ride gives back more than was taken, nor less than it should": """
        SELECT card_id || '-' || atc, format('taken %%s fen, due %%s, given back %%s', charged, due, given) FROM (
            SELECT card_id, atc, sum(given_fen) AS given, (array_agg(charged_fen ORDER BY version DESC))[1] AS charged,
                (array_agg(due_fen ORDER BY version DESC))[1] AS due, (array_agg(how ORDER BY version DESC))[1] AS how
            FROM terminals_farecharge GROUP BY business_date, card_id, atc
        ) AS ride WHERE given > charged OR given < charged - due AND how NOT IN ('budget', 'merged')""",
    "a fare subsidy is the sum of its trips": """
        SELECT 'booking ' || coalesce(share.booking_id, moved.source_id), format('trips %%s fen, transfer %%s', share.fen, moved.fen)
        FROM (SELECT s.booking_id, m.payable_id, '1231.' || s.payer AS payer, sum(s.amount_fen) AS fen
              FROM terminals_fareshare s JOIN terminals_merchant m ON m.id = s.merchant_id
              GROUP BY 1, 2, 3 HAVING sum(s.amount_fen) <> 0) AS share
        FULL JOIN (
            SELECT t.source_id, CASE WHEN c.chart = '2202' THEN c.id ELSE d.id END AS payable_id,
                CASE WHEN c.chart = '2202' THEN d.code ELSE c.code END AS payer,
                CASE WHEN c.chart = '2202' THEN t.amount_fen ELSE -t.amount_fen END AS fen
            FROM accounts_transfer t JOIN accounts_ledgeraccount d ON d.id = t.debit_id
                JOIN accounts_ledgeraccount c ON c.id = t.credit_id WHERE t.kind = 46
        ) AS moved ON moved.source_id = share.booking_id
        WHERE (share.payable_id, share.payer, share.fen) IS DISTINCT FROM (moved.payable_id, moved.payer::text, moved.fen::numeric)""",
    "the triggers that guard taps, refusals and fares are on": """
        SELECT wanted.relation || '.append_only', coalesce('enabled: ' || t.tgenabled::text, 'missing')
        FROM (VALUES ('terminals_tap'), ('terminals_refusal'), ('terminals_farecharge'), ('terminals_fareshare'),
            ('terminals_heldresolution'), ('terminals_claimresolution'), ('terminals_grey'), ('terminals_greystep'), ('terminals_hotlistversion'),
            ('terminals_ride')) AS wanted (relation)
        LEFT JOIN pg_trigger t ON t.tgrelid = wanted.relation::regclass AND t.tgname = 'append_only'
        WHERE coalesce(t.tgenabled, 'D') NOT IN ('O', 'A')""",
}
OF_A_DATE: Final = {
    "taps": (
        "a tap stands on a batch, terminal, merchant and card that exist",
        "a tap has the business date of its batch",
    ),
    "transfers of taps": (
        "a tap with an amount has its one transfer, and a transfer its tap",
        "a transfer of a tap runs as its outcome asks",
    ),
    "records": (
        "every record of a batch is a tap or a refusal",
        "a refusal belongs to a batch of its business date",
        "a refusal names a reason that has a rule",
        "a card known to be on the hot list pays nobody",
    ),
}
"""Rules that speak of one date's rows at a time, in the parts of a nightly check: true of all dates when true of each."""
# No two transfers of a date have the same kind, source and credit account: a tap matches one at most, and where taps,
# transfers and matches are as many, each has its own.
IN_SHORT: Final = {
    "taps": """
        SELECT count(*) = (SELECT count(*) FROM terminals_tap) FROM terminals_tap t
        JOIN terminals_batch b ON b.id = t.batch_id AND b.terminal_id = t.terminal_id
        JOIN terminals_terminal d ON d.id = t.terminal_id JOIN terminals_merchant m ON m.id = t.merchant_id
        JOIN accounts_purse p ON p.card_id = t.card_id AND p.kind = 'chip'""",
    "transfers of taps": """
        SELECT count(*) = (SELECT count(*) FROM terminals_tap WHERE amount_fen > 0)
            AND count(*) = (SELECT count(*) FROM accounts_transfer WHERE kind IN (10, 11, 12))
        FROM terminals_tap t
        JOIN accounts_purse p ON p.card_id = t.card_id AND p.kind = 'chip'
        JOIN terminals_merchant m ON m.id = t.merchant_id
        CROSS JOIN (SELECT max(id) FILTER (WHERE code = '1221') AS claim, max(id) FILTER (WHERE code = '2241') AS held
            FROM accounts_ledgeraccount WHERE code IN ('1221', '2241')) AS suspense
        JOIN accounts_transfer moved ON moved.source_id = t.id AND moved.amount_fen = t.amount_fen
            AND moved.kind = CASE t.outcome WHEN 1 THEN 10 WHEN 4 THEN 12 ELSE 11 END
            AND moved.credit_id = CASE WHEN t.outcome IN (1, 4) THEN m.payable_id ELSE held END
            AND (moved.debit_id = p.account_id AND t.outcome NOT IN (3, 4, 8) OR moved.debit_id = claim AND t.outcome <> 1)""",
}
"""Whether all rules of a part hold, by reading its rows once; what breaks one is looked for when they do not."""
OF_NOW: Final = ("the triggers that guard taps, refusals and fares are on",)
"""Rules about what stands now, whose price does not grow with the dates."""


def rules() -> tuple[str, ...]:
    """The names of everything `broken` checks."""
    return tuple(RULES)


def broken() -> list[Breach]:
    """Every rule that does not hold; empty when all is right."""
    return breaches(RULES.items(), VALUES)
