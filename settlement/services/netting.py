"""Netting: what every merchant earned on a frozen business date, in one GROUP BY over its taps and one over the ledger's
online payments.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.db import connection

from accounts.models import Chart, Transfer
from settlement.errors import NettingDiffers
from settlement.models import ClearingRun
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
REFUNDED: Final = [Transfer.Kind.PAYMENT_REFUNDED, Transfer.Kind.TOP_UP_PAID, Transfer.Kind.FARE_SUBSIDY]
"""What a merchant gives back: payments into an account purse, purchases and fares towards a chip as a top-up, subsidies claimed too high."""
_EARNED_KINDS: Final = [Transfer.Kind.PURCHASE, Transfer.Kind.PURCHASE_CLAIM, *ONLINE]

# Into a table of its own first: INSERT … SELECT reads with one process only, CREATE TABLE AS with all there are.
_GROUP: Final = """
CREATE TEMPORARY TABLE netted AS
SELECT merchant_id, outcome = ANY(%(earned)s::smallint[]) AS earned, sum(taps)::bigint AS taps, sum(fen)::bigint AS fen
FROM (
    SELECT merchant_id, outcome, count(*) AS taps, sum(amount_fen) AS fen
    FROM terminals_tap WHERE business_date = %(day)s GROUP BY merchant_id, outcome
) AS by_outcome GROUP BY 1, 2
"""

# The fee is the gross times the rate, rounded half up to a whole fen, once per merchant and date; none of refunds.
_STATE: Final = """
INSERT INTO settlement_statement (
    run_id, merchant_id, taps, online, online_fen, gross_fen, fee_basis_points, fee_fen, net_fen, suspended_taps,
    suspended_fen)
SELECT %(day)s, merchant.id, coalesce(tapped.taps, 0), coalesce(online.payments, 0), coalesce(online.fen, 0), total.gross,
    merchant.fee_basis_points, fee.fen, total.gross - fee.fen, coalesce(tapped.suspended_taps, 0),
    coalesce(tapped.suspended, 0)
FROM (
    SELECT merchant_id,
        coalesce(sum(taps) FILTER (WHERE earned), 0)::bigint AS taps,
        coalesce(sum(fen) FILTER (WHERE earned), 0)::bigint AS gross,
        coalesce(sum(taps) FILTER (WHERE NOT earned), 0)::bigint AS suspended_taps,
        coalesce(sum(fen) FILTER (WHERE NOT earned), 0)::bigint AS suspended
    FROM netted GROUP BY merchant_id
) AS tapped
FULL JOIN (
    SELECT merchant.id AS merchant_id, sum(moved.payments)::bigint AS payments, sum(moved.fen)::bigint AS fen FROM (
        SELECT credit_id AS account_id, count(*) AS payments, sum(amount_fen) AS fen FROM accounts_transfer
        WHERE business_date = %(day)s AND kind = ANY(%(online)s) GROUP BY credit_id
        UNION ALL
        SELECT debit_id, 0, -sum(amount_fen) FROM accounts_transfer
        WHERE business_date = %(day)s AND kind = ANY(%(refunded)s) GROUP BY debit_id
    ) AS moved JOIN terminals_merchant AS merchant ON merchant.payable_id = moved.account_id GROUP BY merchant.id
) AS online USING (merchant_id)
JOIN terminals_merchant AS merchant ON merchant.id = merchant_id
CROSS JOIN LATERAL (SELECT coalesce(tapped.gross, 0) + coalesce(online.fen, 0) AS gross) AS total
CROSS JOIN LATERAL (SELECT (greatest(total.gross, 0) * merchant.fee_basis_points + 5000) / 10000 AS fen) AS fee
ORDER BY merchant.code
"""

# The ledger's own figure, reached without the taps: what was credited to the merchants' payable accounts, less refunds.
_DIFFERENCES: Final = """
SELECT coalesce(merchant.code, '#' || coalesce(statement.merchant_id, earned.account_id)) AS code
FROM (SELECT merchant_id, gross_fen FROM settlement_statement WHERE run_id = %(day)s) AS statement
JOIN terminals_merchant AS merchant ON merchant.id = statement.merchant_id
FULL JOIN (
    SELECT account_id, sum(fen) AS fen FROM (
        SELECT credit_id AS account_id, sum(amount_fen) AS fen FROM accounts_transfer
        WHERE business_date = %(day)s AND kind = ANY(%(kinds)s) GROUP BY credit_id
        UNION ALL
        SELECT debit_id, -sum(amount_fen) FROM accounts_transfer
        WHERE business_date = %(day)s AND kind = ANY(%(refunded)s) GROUP BY debit_id
    ) AS moved WHERE account_id IN (SELECT id FROM accounts_ledgeraccount WHERE chart = %(payable)s) GROUP BY account_id
) AS earned ON earned.account_id = merchant.payable_id
WHERE coalesce(statement.gross_fen, 0) <> coalesce(earned.fen, 0)
ORDER BY 1
"""

_TOTALS: Final = """
SELECT coalesce(sum(taps), 0), coalesce(sum(gross_fen), 0), coalesce(sum(fee_fen), 0), coalesce(sum(net_fen), 0)
FROM settlement_statement WHERE run_id = %s
"""


def net_taps(*, run: ClearingRun) -> None:
    """Make the statements of the run's frozen date, prove them against the ledger, and keep totals and digest.

    Amounts in fen. A merchant with suspended taps only gets a statement of zero. Raises NettingDiffers when the
    purchases in the ledger are not those of the taps; nothing is kept then.
    """
    day = run.business_date
    with connection.cursor() as cursor:
        cursor.execute(_GROUP, {"day": day, "earned": EARNED})
        cursor.execute(_STATE, {"day": day, "online": ONLINE, "refunded": REFUNDED})
        cursor.execute("DROP TABLE netted")
    if differing := _differences(day):
        raise NettingDiffers(date=day, merchants=", ".join(differing))
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, [day])
        run.taps, run.gross_fen, run.fee_fen, run.net_fen = map(int, cursor.fetchone())
    run.digest = digest_of(day)


def _differences(day: date) -> list[str]:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "day": day,
            "kinds": _EARNED_KINDS,
            "refunded": REFUNDED,
            "payable": Chart.MERCHANT_PAYABLE,
        }
        cursor.execute(_DIFFERENCES, values)
        return [code for (code,) in cursor.fetchall()]
