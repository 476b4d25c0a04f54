"""Netting: what every merchant earned on a frozen business date, in one GROUP BY over its taps and one over the ledger's
online payments, with the fee of the contract of that date; then the shares of others in it, and what each party gets or gives.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from accounts.models import Chart, Transfer
from accounts.services.postings import account_id
from settlement.errors import NettingDiffers
from settlement.locks import lock_rules
from settlement.models import ClearingRun, Position
from settlement.selectors.statements import digest_of
from terminals.models import Tap

EARNED: Final = [Tap.Outcome.ACCEPTED, Tap.Outcome.OVER_BALANCE]
ONLINE: Final = [
    Transfer.Kind.PAYMENT,
    Transfer.Kind.PASS_USED,
    Transfer.Kind.HELD_PAID,
    Transfer.Kind.LOSS_BORNE,
    Transfer.Kind.GREY_SETTLED,
    Transfer.Kind.RIDE_PAID,
    Transfer.Kind.RIDE_CLAIMED,
    Transfer.Kind.FARE_SUBSIDY,
]
"""What a merchant is credited without a tap of the date: payments from account purses, rides on passes and by code, what was
decided later of held purchases and of those without proof, and subsidies of fares.
"""
REFUNDED: Final = [
    Transfer.Kind.PAYMENT_REFUNDED,
    Transfer.Kind.TOP_UP_PAID,
    Transfer.Kind.FARE_SUBSIDY,
    Transfer.Kind.DISPUTE_BORNE,
]
"""What a merchant gives back: payments into an account purse, purchases and fares towards a chip as a top-up, subsidies claimed
too high, and disputed charges that it has to bear.
"""
_EARNED_KINDS: Final = [Transfer.Kind.PURCHASE, Transfer.Kind.PURCHASE_CLAIM, *ONLINE]
_VALUES: Final[dict[str, Any]] = {
    "earned": EARNED,
    "online": ONLINE,
    "payments": [kind for kind in ONLINE if kind != Transfer.Kind.FARE_SUBSIDY],
    "refunded": REFUNDED,
    "kinds": _EARNED_KINDS,
    "credits": [*_EARNED_KINDS, Transfer.Kind.ADJUSTMENT],
    "debits": [*REFUNDED, Transfer.Kind.ADJUSTMENT],
    "subsidy": Transfer.Kind.FARE_SUBSIDY,
    "adjustment": Transfer.Kind.ADJUSTMENT,
    "payable": Chart.MERCHANT_PAYABLE,
    "adjusted": Position.Party.ADJUSTMENT,
    **{party.name.lower(): party for party in Position.Party if party != Position.Party.ADJUSTMENT},
}

# Into a table of its own first: INSERT … SELECT reads with one process only, CREATE TABLE AS with all there are.
_GROUP: Final = """
CREATE TEMPORARY TABLE netted AS
SELECT merchant_id, outcome = ANY(%(earned)s::smallint[]) AS earned, sum(taps)::bigint AS taps, sum(fen)::bigint AS fen
FROM (
    SELECT merchant_id, outcome, count(*) AS taps, sum(amount_fen) AS fen
    FROM terminals_tap WHERE business_date = %(day)s GROUP BY merchant_id, outcome
) AS by_outcome GROUP BY 1, 2
"""

# The date's transfers are read once for each side; all that follows asks this table.
_MOVED: Final = """
CREATE TEMPORARY TABLE moved AS
SELECT credit_id AS account_id, kind, count(*) AS transfers, sum(amount_fen)::bigint AS credited, 0::bigint AS debited
FROM accounts_transfer WHERE business_date = %(day)s AND kind = ANY(%(credits)s::smallint[]) GROUP BY credit_id, kind
UNION ALL
SELECT debit_id, kind, 0, 0, sum(amount_fen)
FROM accounts_transfer WHERE business_date = %(day)s AND kind = ANY(%(debits)s::smallint[]) GROUP BY debit_id, kind
"""

# A fare subsidy is no payment of its own: it is part of a fare that was tapped.
_ONLINE: Final = """
CREATE TEMPORARY TABLE moved_online AS
SELECT merchant.id AS merchant_id, coalesce(sum(transfers) FILTER (WHERE kind = ANY(%(payments)s)), 0)::bigint AS payments,
    (coalesce(sum(credited) FILTER (WHERE kind = ANY(%(online)s)), 0)
        - coalesce(sum(debited) FILTER (WHERE kind = ANY(%(refunded)s)), 0))::bigint AS fen,
    coalesce(sum(credited - debited) FILTER (WHERE kind = %(adjustment)s), 0)::bigint AS adjusted
FROM moved JOIN terminals_merchant AS merchant ON merchant.payable_id = moved.account_id
WHERE kind = ANY(%(online)s) OR kind = %(adjustment)s OR kind = ANY(%(refunded)s) AND debited > 0 GROUP BY merchant.id
"""

# The fee is what the contract asks for the month so far, this date included, less what it has asked for it before: so the
# fees of a month are the fee of the month, whatever was rounded on the way. By the day there is no before. None of refunds.
_STATE: Final = """
WITH tapped AS (
    SELECT merchant_id,
        coalesce(sum(taps) FILTER (WHERE earned), 0)::bigint AS taps,
        coalesce(sum(fen) FILTER (WHERE earned), 0)::bigint AS gross,
        coalesce(sum(taps) FILTER (WHERE NOT earned), 0)::bigint AS suspended_taps,
        coalesce(sum(fen) FILTER (WHERE NOT earned), 0)::bigint AS suspended
    FROM netted GROUP BY merchant_id
), band AS (
    SELECT contract_id, floor, price, lead(floor) OVER contract AS ceiling, count(*) OVER whole AS bands
    FROM settlement_contractband WINDOW contract AS (PARTITION BY contract_id ORDER BY floor), whole AS (PARTITION BY contract_id)
), month AS (
    SELECT contract_id, sum(fee_base)::bigint AS base, sum(fee_fen)::bigint AS fee FROM settlement_statement
    WHERE run_id >= date_trunc('month', %(day)s::date) AND run_id < date_trunc('month', %(day)s::date) + interval '1 month'
    GROUP BY contract_id
), stated AS (
    SELECT merchant_id, coalesce(taps, 0) AS taps, coalesce(payments, 0) AS online, coalesce(fen, 0) AS online_fen,
        coalesce(gross, 0) + coalesce(fen, 0) AS gross, coalesce(adjusted, 0) AS adjusted,
        coalesce(suspended_taps, 0) AS suspended_taps, coalesce(suspended, 0) AS suspended
    FROM tapped FULL JOIN moved_online USING (merchant_id)
), measured AS (
    SELECT stated.*, contract.id AS contract_id, contract.measure, contract.minimum_fen, contract.maximum_fen,
        CASE contract.measure WHEN 'gross' THEN greatest(gross, 0) WHEN 'count' THEN taps + online ELSE 0 END AS base,
        coalesce(month.base, 0) AS before, coalesce(month.fee, 0) AS asked_before
    FROM stated
    LEFT JOIN settlement_contract AS contract ON contract.merchant_id = stated.merchant_id
        AND contract.valid_from <= %(day)s AND (contract.valid_until IS NULL OR contract.valid_until >= %(day)s)
    LEFT JOIN month ON month.contract_id = contract.id AND contract.period = 'month'
), priced AS (
    SELECT contract_id, measure, minimum_fen, maximum_fen, CASE WHEN max(bands) = 1 AND measure = 'gross' THEN max(price) END AS rate,
        coalesce(sum(price::numeric * (least(before + base, ceiling) - floor)) FILTER (WHERE floor < before + base), 0) AS units,
        before + base > 0 AS traded
    FROM measured JOIN band USING (contract_id) GROUP BY contract_id, measure, minimum_fen, maximum_fen, before + base
), charged AS (
    SELECT contract_id, rate, CASE WHEN traded THEN least(maximum_fen, greatest(minimum_fen,
        (CASE measure WHEN 'count' THEN units ELSE div(units + 5000, 10000) END)::bigint)) ELSE 0 END AS asked
    FROM priced
)
INSERT INTO settlement_statement (
    run_id, merchant_id, taps, online, online_fen, gross_fen, contract_id, fee_basis_points, fee_base, fee_before, fee_fen,
    adjusted_fen, net_fen, suspended_taps, suspended_fen)
SELECT %(day)s, merchant_id, taps, online, online_fen, gross, contract_id, CASE WHEN contract_id IS NULL THEN 0 ELSE rate END,
    base, before, fee.fen, adjusted, gross - fee.fen + adjusted, suspended_taps, suspended
FROM measured LEFT JOIN charged USING (contract_id) JOIN terminals_merchant AS merchant ON merchant.id = merchant_id
CROSS JOIN LATERAL (SELECT coalesce(asked, 0) - asked_before AS fen) AS fee
ORDER BY merchant.code
"""

# Parts by weight, rounded by the largest remainder, of equal ones by the merchants' codes: what is split comes out to the fen.
_SHARE: Final = """
INSERT INTO settlement_statementshare (statement_id, merchant_id, weight, amount_fen)
SELECT statement_id, merchant_id, weight, sign * (whole + (place <= missing)::int) FROM (
    SELECT statement_id, merchant_id, weight, sign, whole,
        row_number() OVER (PARTITION BY statement_id ORDER BY remainder DESC, code COLLATE "C") AS place,
        amount - sum(whole) OVER (PARTITION BY statement_id) AS missing
    FROM (
        SELECT statement.id AS statement_id, share.merchant_id, share.weight, taker.code, sign(split.fen)::int AS sign,
            abs(split.fen) AS amount, abs(split.fen) * share.weight / 10000 AS whole, abs(split.fen) * share.weight %% 10000 AS remainder
        FROM settlement_statement AS statement
        JOIN settlement_contract AS contract ON contract.id = statement.contract_id AND contract.split <> ''
        JOIN settlement_contractshare AS share ON share.contract_id = contract.id
        JOIN terminals_merchant AS taker ON taker.id = share.merchant_id
        CROSS JOIN LATERAL (SELECT CASE contract.split WHEN 'gross' THEN gross_fen ELSE gross_fen - fee_fen END AS fen) AS split
        WHERE statement.run_id = %(day)s
    ) AS part
) AS rounded ORDER BY statement_id, merchant_id
"""

# What was credited to the merchants' payable accounts by the ledger, without taps: by account, subsidies apart.
_EARN: Final = """
CREATE TEMPORARY TABLE earned AS
SELECT account_id, (coalesce(sum(credited) FILTER (WHERE kind = ANY(%(kinds)s)), 0)
        - coalesce(sum(debited) FILTER (WHERE kind = ANY(%(refunded)s)), 0))::bigint AS fen,
    coalesce(sum(credited - debited) FILTER (WHERE kind = %(subsidy)s), 0)::bigint AS subsidised
FROM moved WHERE account_id IN (SELECT id FROM accounts_ledgeraccount WHERE chart = %(payable)s) GROUP BY account_id
"""

# The ledger's own figure, reached without the taps, beside the statements'.
_DIFFERENCES: Final = """
SELECT coalesce(merchant.code, '#' || coalesce(statement.merchant_id, earned.account_id)) AS code
FROM (SELECT merchant_id, gross_fen FROM settlement_statement WHERE run_id = %(day)s) AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
FULL JOIN earned ON earned.account_id = merchant.payable_id
WHERE coalesce(statement.gross_fen, 0) <> coalesce(earned.fen, 0)
ORDER BY 1
"""

# Who gets what, from the statements; who gives it, from the ledger. The database refuses them unless they come to zero.
_POSITIONS: Final = """
INSERT INTO settlement_position (run_id, party, account_id, amount_fen)
WITH share AS (
    SELECT statement.merchant_id AS giver_id, share.merchant_id AS taker_id, share.amount_fen
    FROM settlement_statementshare AS share JOIN settlement_statement AS statement ON statement.id = share.statement_id
    WHERE statement.run_id = %(day)s AND statement.merchant_id <> share.merchant_id
), part AS (
    SELECT %(merchant)s AS party, merchant.settlement_id AS account_id, net_fen AS fen
    FROM settlement_statement AS statement JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
    WHERE run_id = %(day)s
    UNION ALL
    SELECT %(merchant)s, merchant.settlement_id, -amount_fen FROM share JOIN terminals_merchant AS merchant ON merchant.id = giver_id
    UNION ALL
    SELECT %(sub_merchant)s, merchant.settlement_id, amount_fen FROM share JOIN terminals_merchant AS merchant ON merchant.id = taker_id
    UNION ALL
    SELECT %(fees)s, %(fee_income)s, fee_fen FROM settlement_statement WHERE run_id = %(day)s
    UNION ALL
    SELECT CASE kind WHEN %(subsidy)s THEN %(payer)s ELSE %(adjusted)s END, account_id, credited - debited FROM moved
    WHERE kind IN (%(subsidy)s, %(adjustment)s) AND account_id NOT IN (SELECT payable_id FROM terminals_merchant)
    UNION ALL
    SELECT %(funds)s, NULL, subsidised - fen FROM earned
)
SELECT %(day)s, party, account_id, sum(fen) FROM part GROUP BY party, account_id HAVING sum(fen) <> 0 ORDER BY 2, 3
"""

_TOTALS: Final = """
SELECT coalesce(sum(taps), 0), coalesce(sum(gross_fen), 0), coalesce(sum(fee_fen), 0), coalesce(sum(adjusted_fen), 0),
    coalesce(sum(net_fen), 0)
FROM settlement_statement WHERE run_id = %s
"""


def net_taps(*, run: ClearingRun) -> None:
    """Make the statements of the run's frozen date, prove them against the ledger, and keep positions, totals and digest.

    Amounts in fen. A merchant with suspended taps only gets a statement of zero; one without a contract bears no fee. Raises
    NettingDiffers when the purchases in the ledger are not those of the taps; nothing is kept then.
    """
    lock_rules()
    values = _VALUES | {"day": run.business_date, "fee_income": account_id(Chart.FEE_INCOME)}
    with connection.cursor() as cursor:
        for statement in (_GROUP, _MOVED, _ONLINE, _STATE, _SHARE, _EARN):
            cursor.execute(statement, values)
        cursor.execute(_DIFFERENCES, values)
        if differing := [code for (code,) in cursor.fetchall()]:
            raise NettingDiffers(date=run.business_date, merchants=", ".join(differing))
        cursor.execute(_POSITIONS, values)
        cursor.execute("DROP TABLE netted, moved, moved_online, earned")
        cursor.execute(_TOTALS, [run.business_date])
        run.taps, run.gross_fen, run.fee_fen, run.adjusted_fen, run.net_fen = map(int, cursor.fetchone())
    run.digest = digest_of(run.business_date)
