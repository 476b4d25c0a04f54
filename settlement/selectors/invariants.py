"""What must hold between taps, statements, clearing runs and the ledger.

Checked for a date before it is sealed and by the audit for all dates; nothing here repairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from citizencard.core.invariants import Breach, breaches
from settlement.models import ClearingRun
from settlement.selectors import bank_invariants, difference_invariants, dispute_invariants
from settlement.selectors.proof_checks import CHAIN_RULE, broken_chain
from settlement.selectors.statements import digest_of

# Each query yields (subject, detail) of what is broken; %(day)s is a business date or null for all of them.
# Outcomes 1 and 4 are earned, all others suspended (terminals.models.Tap.Outcome).
_STATEMENTS_ARE_THE_TAPS: Final = """
SELECT concat_ws(' ', business_date, coalesce(merchant.code, '#' || merchant_id)),
    format('taps %%s, %%s fen, suspended %%s, %%s fen; statement %%s, %%s fen, suspended %%s, %%s fen',
        netted.taps, netted.gross, netted.suspended_taps, netted.suspended,
        statement.taps, statement.gross_fen, statement.suspended_taps, statement.suspended_fen)
FROM (
    SELECT run_id AS business_date, merchant_id, taps, gross_fen - online_fen AS gross_fen, suspended_taps, suspended_fen
    FROM settlement_statement WHERE %(day)s::date IS NULL OR run_id = %(day)s
) AS statement
FULL JOIN (
    SELECT business_date, merchant_id,
        count(*) FILTER (WHERE outcome IN (1, 4)) AS taps,
        coalesce(sum(amount_fen) FILTER (WHERE outcome IN (1, 4)), 0) AS gross,
        count(*) FILTER (WHERE outcome NOT IN (1, 4)) AS suspended_taps,
        coalesce(sum(amount_fen) FILTER (WHERE outcome NOT IN (1, 4)), 0) AS suspended
    FROM terminals_tap
    WHERE business_date IN (SELECT business_date FROM settlement_clearingrun
        WHERE state <> 'cut_off' AND (%(day)s::date IS NULL OR business_date = %(day)s))
    GROUP BY business_date, merchant_id
) AS netted USING (business_date, merchant_id)
LEFT JOIN terminals_merchant AS merchant ON merchant.id = merchant_id
WHERE (coalesce(statement.taps, 0), coalesce(statement.gross_fen, 0), coalesce(statement.suspended_taps, 0),
    coalesce(statement.suspended_fen, 0)) IS DISTINCT FROM (coalesce(netted.taps, 0), coalesce(netted.gross, 0),
    coalesce(netted.suspended_taps, 0), coalesce(netted.suspended, 0))
ORDER BY 1
"""

# Kinds 13, 16 and 46 are PAYMENT, PASS_USED and FARE_SUBSIDY (no payment of its own), 40, 42 and 43 what was decided later, 44 and 45 rides by
# code; 14 is PAYMENT_REFUNDED, 1 a purchase or fare given back into a top-up, 70 a dispute that the merchant has lost.
_ONLINE_IS_THE_LEDGER: Final = """
SELECT concat_ws(' ', business_date, coalesce(merchant.code, '#' || merchant_id)),
    format('ledger %%s payments, %%s fen; statement %%s, %%s fen', moved.payments, moved.fen, statement.online,
        statement.online_fen)
FROM (
    SELECT run_id AS business_date, merchant_id, online, online_fen FROM settlement_statement
    WHERE %(day)s::date IS NULL OR run_id = %(day)s
) AS statement
FULL JOIN (
    SELECT leg.business_date, merchant.id AS merchant_id, sum(leg.payments) AS payments, sum(leg.fen) AS fen FROM (
        SELECT business_date, credit_id AS account_id, count(*) FILTER (WHERE kind <> 46) AS payments, sum(amount_fen) AS fen
        FROM accounts_transfer WHERE kind IN (13, 16, 40, 42, 43, 44, 45, 46) AND (%(day)s::date IS NULL OR business_date = %(day)s) GROUP BY 1, 2
        UNION ALL
        SELECT business_date, debit_id, 0, -sum(amount_fen)
        FROM accounts_transfer WHERE kind IN (1, 14, 46, 70) AND (%(day)s::date IS NULL OR business_date = %(day)s) GROUP BY 1, 2
    ) AS leg JOIN terminals_merchant AS merchant ON merchant.payable_id = leg.account_id
    WHERE leg.business_date IN (SELECT business_date FROM settlement_clearingrun WHERE state <> 'cut_off')
    GROUP BY 1, 2
) AS moved USING (business_date, merchant_id)
LEFT JOIN terminals_merchant AS merchant ON merchant.id = merchant_id
WHERE (coalesce(moved.payments, 0), coalesce(moved.fen, 0))
    IS DISTINCT FROM (coalesce(statement.online, 0)::numeric, coalesce(statement.online_fen, 0)::numeric)
ORDER BY 1
"""

# By the contract's function, not by netting's way; statements without a contract have their rate, 0 where none was agreed.
_FEES_FOLLOW_THE_CONTRACT: Final = """
SELECT concat_ws(' ', run_id, merchant.code),
    format('fee %%s fen, but %%s fen by contract %%s for %%s after %%s', fee_fen, asked, contract.number, fee_base, fee_before)
FROM settlement_statement AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
LEFT JOIN settlement_contract AS contract ON contract.id = statement.contract_id
CROSS JOIN LATERAL (SELECT CASE WHEN contract.id IS NULL
    THEN (greatest(gross_fen, 0) * fee_basis_points + 5000) / 10000
    ELSE settlement_fee_fen(contract.id, fee_before + fee_base) - settlement_fee_fen(contract.id, fee_before) END AS asked) AS fee
WHERE (%(day)s::date IS NULL OR run_id = %(day)s) AND fee_fen <> asked
ORDER BY 1
"""

_TERMS_ARE_THOSE_OF_THE_DATE: Final = """
SELECT concat_ws(' ', run_id, merchant.code), format('contract %%s, base %%s after %%s', number, fee_base, fee_before)
FROM settlement_statement AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
JOIN settlement_contract AS contract ON contract.id = statement.contract_id
WHERE (%(day)s::date IS NULL OR run_id = %(day)s) AND (
    contract.merchant_id <> statement.merchant_id OR run_id < valid_from OR run_id > valid_until
    OR fee_base <> CASE measure WHEN 'gross' THEN greatest(gross_fen, 0) ELSE taps + online END
    OR fee_before <> CASE period WHEN 'day' THEN 0 ELSE (
        SELECT coalesce(sum(earlier.fee_base), 0) FROM settlement_statement AS earlier
        WHERE earlier.contract_id = contract.id AND earlier.id < statement.id
            AND date_trunc('month', earlier.run_id) = date_trunc('month', statement.run_id)) END)
ORDER BY 1
"""

_SHARES_ARE_THE_SPLIT: Final = """
SELECT concat_ws(' ', run_id, merchant.code), format('%%s fen to split, shares %%s fen', fen, shared)
FROM settlement_statement AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
JOIN settlement_contract AS contract ON contract.id = statement.contract_id
CROSS JOIN LATERAL (SELECT CASE split WHEN 'gross' THEN gross_fen WHEN 'net' THEN gross_fen - fee_fen ELSE 0 END AS fen) AS whole
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_fen), 0) AS shared, count(*) AS shares,
        coalesce(bool_or(abs(amount_fen * 10000 - fen * part.weight) >= 10000 OR part.weight IS DISTINCT FROM agreed.weight), false) AS wrong
    FROM settlement_statementshare AS part
    LEFT JOIN settlement_contractshare AS agreed ON agreed.contract_id = contract.id AND agreed.merchant_id = part.merchant_id
    WHERE statement_id = statement.id
) AS share
WHERE (%(day)s::date IS NULL OR run_id = %(day)s) AND (fen <> shared OR wrong
    OR shares <> (SELECT count(*) FROM settlement_contractshare WHERE contract_id = contract.id))
ORDER BY 1
"""

_POSITIONS_ARE_THE_PARTIES: Final = """
SELECT run.business_date::text, format('positions %%s fen: merchants %%s of %%s, fees %%s of %%s', held.total, held.merchants,
    run.net_fen, held.fees, run.fee_fen)
FROM settlement_clearingrun AS run
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_fen), 0) AS total, coalesce(sum(amount_fen) FILTER (WHERE party IN ('merchant', 'sub')), 0) AS merchants,
        coalesce(sum(amount_fen) FILTER (WHERE party = 'fees'), 0) AS fees, count(*) AS positions
    FROM settlement_position WHERE run_id = run.business_date
) AS held
WHERE run.state <> 'cut_off' AND (%(day)s::date IS NULL OR business_date = %(day)s)
    AND (held.total <> 0 OR (held.merchants, held.fees) IS DISTINCT FROM (run.net_fen, run.fee_fen))
    AND (held.positions > 0 OR EXISTS (SELECT FROM settlement_statement WHERE run_id = business_date AND contract_id IS NOT NULL))
ORDER BY 1
"""

# Kind 54 is ADJUSTMENT; only a posted one has its transfer, on its own date.
_ADJUSTMENTS_ARE_POSTED: Final = """
WITH expected AS (
    SELECT business_date, adjustment.id AS source_id, abs(amount_fen) AS amount_fen,
        CASE WHEN amount_fen > 0 THEN bearer.id ELSE merchant.payable_id END AS debit_id,
        CASE WHEN amount_fen > 0 THEN merchant.payable_id ELSE bearer.id END AS credit_id
    FROM settlement_adjustment AS adjustment
    JOIN terminals_merchant AS merchant ON merchant.id = adjustment.merchant_id
    JOIN accounts_ledgeraccount AS bearer ON bearer.code = adjustment.against
    WHERE adjustment.state = 'posted' AND (%(day)s::date IS NULL OR business_date = %(day)s)
), posted AS (
    SELECT business_date, source_id, amount_fen, debit_id, credit_id FROM accounts_transfer
    WHERE kind = 54 AND (%(day)s::date IS NULL OR business_date = %(day)s)
)
SELECT concat_ws(' ', business_date, 'adjustment', source_id), format('%%s: %%s fen', fault, amount_fen)
FROM (
    (SELECT 'missing' AS fault, * FROM expected EXCEPT ALL SELECT 'missing', * FROM posted)
    UNION ALL
    (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM expected)
) AS difference
ORDER BY 1, 2
"""

_ADJUSTED_IS_THE_LEDGER: Final = """
SELECT concat_ws(' ', run_id, merchant.code), format('statement %%s fen, adjustments %%s fen', adjusted_fen, fen)
FROM settlement_statement AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_fen), 0) AS fen FROM settlement_adjustment
    WHERE merchant_id = merchant.id AND business_date = run_id AND state = 'posted'
) AS adjusted
WHERE (%(day)s::date IS NULL OR run_id = %(day)s) AND adjusted_fen <> fen
ORDER BY 1
"""

_RUN_IS_THE_SUM: Final = """
SELECT business_date::text, format('run %%s taps, %%s + %%s = %%s + %%s fen; statements %%s taps, %%s + %%s = %%s + %%s fen',
    run.taps, run.gross_fen, run.adjusted_fen, run.fee_fen, run.net_fen,
    total.taps, total.gross, total.adjusted, total.fee, total.net)
FROM settlement_clearingrun AS run
CROSS JOIN LATERAL (
    SELECT coalesce(sum(taps), 0) AS taps, coalesce(sum(gross_fen), 0) AS gross,
        coalesce(sum(fee_fen), 0) AS fee, coalesce(sum(adjusted_fen), 0) AS adjusted, coalesce(sum(net_fen), 0) AS net
    FROM settlement_statement WHERE run_id = run.business_date
) AS total
WHERE (%(day)s::date IS NULL OR business_date = %(day)s)
    AND (run.taps, run.gross_fen, run.fee_fen, run.adjusted_fen, run.net_fen) IS DISTINCT FROM
        (total.taps, total.gross, total.fee, total.adjusted, total.net)
ORDER BY 1
"""

# Kinds 20, 21 and 53 are FEE, SETTLEMENT and SPLIT: one transfer for each amount of each posted statement and share, no other.
_TRANSFERS_ARE_THE_STATEMENTS: Final = """
WITH expected AS (
    SELECT run.business_date, due.kind, statement.id AS source_id, due.debit_id, due.credit_id, due.amount_fen
    FROM settlement_clearingrun AS run
    JOIN settlement_statement AS statement ON statement.run_id = run.business_date
    JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
    CROSS JOIN LATERAL (VALUES
        (20::smallint, merchant.payable_id, (SELECT id FROM accounts_ledgeraccount WHERE code = '6001'), statement.fee_fen),
        (21::smallint, merchant.payable_id, merchant.settlement_id, statement.net_fen),
        (21::smallint, merchant.settlement_id, merchant.payable_id, -statement.net_fen)
    ) AS due (kind, debit_id, credit_id, amount_fen)
    WHERE run.state IN ('posted', 'cleared') AND due.amount_fen > 0
        AND (%(day)s::date IS NULL OR run.business_date = %(day)s)
    UNION ALL
    SELECT run.business_date, 53, share.id, CASE WHEN amount_fen > 0 THEN giver.settlement_id ELSE taker.settlement_id END,
        CASE WHEN amount_fen > 0 THEN taker.settlement_id ELSE giver.settlement_id END, abs(amount_fen)
    FROM settlement_clearingrun AS run
    JOIN settlement_statement AS statement ON statement.run_id = run.business_date
    JOIN settlement_statementshare AS share ON share.statement_id = statement.id AND share.merchant_id <> statement.merchant_id
    JOIN terminals_merchant AS giver ON giver.id = statement.merchant_id
    JOIN terminals_merchant AS taker ON taker.id = share.merchant_id
    WHERE run.state IN ('posted', 'cleared') AND amount_fen <> 0 AND (%(day)s::date IS NULL OR run.business_date = %(day)s)
), posted AS (
    SELECT business_date, kind, source_id, debit_id, credit_id, amount_fen FROM accounts_transfer
    WHERE kind IN (20, 21, 53) AND (%(day)s::date IS NULL OR business_date = %(day)s)
)
SELECT concat_ws(' ', business_date, CASE kind WHEN 53 THEN 'share' ELSE 'statement' END, source_id),
    format('%%s: kind %%s, %%s fen from account %%s to %%s', fault, kind, amount_fen, debit_id, credit_id)
FROM (
    (SELECT 'missing' AS fault, * FROM expected EXCEPT ALL SELECT 'missing', * FROM posted)
    UNION ALL
    (SELECT 'unfounded', * FROM posted EXCEPT ALL SELECT 'unfounded', * FROM expected)
) AS difference
ORDER BY 1, 2
"""

_PAYABLES_ARE_SETTLED: Final = """
SELECT concat_ws(' ', leg.business_date, merchant.code), format('%%s fen left after clearing', sum(leg.amount_fen))
FROM (
    SELECT business_date, credit_id AS account_id, sum(amount_fen) AS amount_fen FROM accounts_transfer
    WHERE business_date IN (SELECT business_date FROM settlement_clearingrun
        WHERE state IN ('posted', 'cleared') AND (%(day)s::date IS NULL OR business_date = %(day)s))
    GROUP BY business_date, credit_id
    UNION ALL
    SELECT business_date, debit_id, -sum(amount_fen) FROM accounts_transfer
    WHERE business_date IN (SELECT business_date FROM settlement_clearingrun
        WHERE state IN ('posted', 'cleared') AND (%(day)s::date IS NULL OR business_date = %(day)s))
        AND debit_id IN (SELECT payable_id FROM terminals_merchant)
    GROUP BY business_date, debit_id
) AS leg
JOIN terminals_merchant AS merchant ON merchant.payable_id = leg.account_id
GROUP BY leg.business_date, merchant.code HAVING sum(leg.amount_fen) <> 0
ORDER BY 1
"""

_SEALED_MEANS_CLEARED: Final = """
SELECT coalesce(day.date, run.business_date)::text,
    format('business day %%s, clearing run %%s', coalesce(day.state, 'missing'), coalesce(run.state, 'missing'))
FROM core_businessday AS day
FULL JOIN settlement_clearingrun AS run ON run.business_date = day.date
WHERE (%(day)s::date IS NULL OR coalesce(day.date, run.business_date) = %(day)s)
    AND (coalesce(day.state, 'missing'), coalesce(run.state = 'cleared', false), run.state IS NULL)
        NOT IN (('open', false, true), ('closing', false, false), ('closed', true, false))
ORDER BY 1
"""

# By the merchants' payable accounts alone, without taps and documents: 10 and 12 are PURCHASE and PURCHASE_CLAIM, 20 FEE, 54 ADJUSTMENT,
# the others as for online payments.
_ROLL_UPS_ARE_THE_LEDGER: Final = """
SELECT concat_ws(' ', business_date, coalesce(merchant.code, '#' || merchant_id)),
    format('rolled up: taps %%s, online %%s, subsidies %%s, given back %%s, fee %%s, adjusted %%s fen; ledger %%s, %%s, %%s, %%s, %%s, %%s',
        rolled.taps_fen, rolled.online_fen, rolled.subsidy_fen, rolled.refund_fen, rolled.fee_fen, rolled.adjusted_fen,
        moved.taps_fen, moved.online_fen, moved.subsidy_fen, moved.refund_fen, moved.fee_fen, moved.adjusted_fen)
FROM (
    SELECT run_id AS business_date, merchant_id, sum(taps_fen) AS taps_fen, sum(online_fen) AS online_fen, sum(subsidy_fen) AS subsidy_fen,
        sum(refund_fen) AS refund_fen, sum(fee_fen) AS fee_fen, sum(adjusted_fen) AS adjusted_fen
    FROM settlement_rolluprow WHERE %(day)s::date IS NULL OR run_id = %(day)s GROUP BY 1, 2
) AS rolled
FULL JOIN (
    SELECT leg.business_date, merchant.id AS merchant_id,
        coalesce(sum(fen) FILTER (WHERE kind IN (10, 12)), 0) AS taps_fen,
        coalesce(sum(fen) FILTER (WHERE kind IN (13, 16, 40, 42, 43, 44, 45)), 0) AS online_fen,
        coalesce(sum(fen) FILTER (WHERE kind = 46), 0) AS subsidy_fen, coalesce(-sum(fen) FILTER (WHERE kind IN (1, 14, 70)), 0) AS refund_fen,
        coalesce(-sum(fen) FILTER (WHERE kind = 20), 0) AS fee_fen, coalesce(sum(fen) FILTER (WHERE kind = 54), 0) AS adjusted_fen
    FROM (
        SELECT business_date, credit_id AS account_id, kind, sum(amount_fen) AS fen FROM accounts_transfer
        WHERE kind IN (10, 12, 13, 16, 40, 42, 43, 44, 45, 46, 54) AND (%(day)s::date IS NULL OR business_date = %(day)s) GROUP BY 1, 2, 3
        UNION ALL
        SELECT business_date, debit_id, kind, -sum(amount_fen) FROM accounts_transfer
        WHERE kind IN (1, 14, 20, 46, 54, 70) AND (%(day)s::date IS NULL OR business_date = %(day)s) GROUP BY 1, 2, 3
    ) AS leg JOIN terminals_merchant AS merchant ON merchant.payable_id = leg.account_id
    WHERE leg.business_date IN (SELECT run_id FROM settlement_rollup)
    GROUP BY 1, 2
) AS moved USING (business_date, merchant_id)
LEFT JOIN terminals_merchant AS merchant ON merchant.id = merchant_id
WHERE (coalesce(rolled.taps_fen, 0), coalesce(rolled.online_fen, 0), coalesce(rolled.subsidy_fen, 0), coalesce(rolled.refund_fen, 0),
        coalesce(rolled.fee_fen, 0), coalesce(rolled.adjusted_fen, 0))
    IS DISTINCT FROM (coalesce(moved.taps_fen, 0), coalesce(moved.online_fen, 0), coalesce(moved.subsidy_fen, 0),
        coalesce(moved.refund_fen, 0), coalesce(moved.fee_fen, 0), coalesce(moved.adjusted_fen, 0))
ORDER BY 1
"""

ROLL_UP_RULE: Final = "a roll-up is what the ledger moved for its merchants"
_RULES: Final = {
    "a statement is what its merchant's taps come to": _STATEMENTS_ARE_THE_TAPS,
    "a statement's online payments are those of the ledger": _ONLINE_IS_THE_LEDGER,
    "a fee follows its contract": _FEES_FOLLOW_THE_CONTRACT,
    "a statement has the contract of its date, and the month before it": _TERMS_ARE_THOSE_OF_THE_DATE,
    "the shares of a statement are its split, to the fen": _SHARES_ARE_THE_SPLIT,
    "the positions of a run sum to zero": _POSITIONS_ARE_THE_PARTIES,
    "an adjustment has its one transfer, and a transfer its adjustment": _ADJUSTMENTS_ARE_POSTED,
    "what is adjusted on a statement is its adjustments": _ADJUSTED_IS_THE_LEDGER,
    "a run is the sum of its statements": _RUN_IS_THE_SUM,
    "each posted statement has its transfers, and no transfer is without": _TRANSFERS_ARE_THE_STATEMENTS,
    "a cleared date leaves nothing payable": _PAYABLES_ARE_SETTLED,
    "a business day is sealed when it is cleared, and not before": _SEALED_MEANS_CLEARED,
    ROLL_UP_RULE: _ROLL_UPS_ARE_THE_LEDGER,
}
_EVER: Final = bank_invariants.RULES | difference_invariants.RULES | dispute_invariants.RULES
"""Rules about all dates together, for the audit."""


_DIGEST_RULE: Final = "statements keep their digest"


def rules() -> tuple[str, ...]:
    """The names of everything `broken` checks."""
    return (*_RULES, *_EVER, _DIGEST_RULE, CHAIN_RULE, difference_invariants.FOUND_RULE)


def broken(*, day: date | None = None) -> list[Breach]:
    """The broken invariants of settlement, of one business date or of all. Amounts in fen. Empty is good."""
    queries = _RULES if day else _RULES | _EVER
    unrecorded = [] if day else difference_invariants.unrecorded()
    return [*breaches(queries.items(), {"day": day}), *_changed_statements(day), *broken_chain(), *unrecorded]


def rolled_up_wrong(day: date) -> list[Breach]:
    """Where the roll-up of a date is not what the ledger moved; empty is good."""
    return breaches([(ROLL_UP_RULE, _ROLL_UPS_ARE_THE_LEDGER)], {"day": day})


def _changed_statements(day: date | None) -> Iterator[Breach]:
    """Runs whose statements no longer have the digest they were made with."""
    runs = ClearingRun.objects.exclude(state=ClearingRun.State.CUT_OFF).order_by("business_date")
    for run in runs if day is None else runs.filter(business_date=day):
        now = digest_of(run.business_date)
        if run.digest is None or bytes(run.digest) != now:
            yield Breach(_DIGEST_RULE, str(run), f"digest is {now.hex()}")
