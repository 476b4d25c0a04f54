"""Rolling a sealed business date up: its figures by merchant, line, channel, product and county, in one statement per source.

Taps are grouped by their terminals and cards, what the ledger credited without a tap by its documents, fees and adjustments
come from the statements. The database refuses a roll-up that does not come to the statements; the audit compares it with the ledger.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import Transfer
from settlement.locks import lock_roll_ups
from settlement.models import RollUp
from settlement.selectors.rollups import next_unrolled_day
from settlement.services.netting import EARNED, ONLINE, REFUNDED

_VALUES: Final[dict[str, Any]] = {
    "earned": EARNED,
    "online": [kind for kind in ONLINE if kind != Transfer.Kind.FARE_SUBSIDY],
    "given": [kind for kind in REFUNDED if kind != Transfer.Kind.FARE_SUBSIDY],
    "rides": [Transfer.Kind.RIDE_PAID, Transfer.Kind.RIDE_CLAIMED],
    "grey": Transfer.Kind.GREY_SETTLED,
    "pass": Transfer.Kind.PASS_USED,
    "topup": Transfer.Kind.TOP_UP_PAID,
}

# Where a terminal stands: on the line of its vehicle, or at a stop that only one line calls at.
_SITES: Final = """
CREATE TEMPORARY TABLE site AS
SELECT terminal.id AS terminal_id, coalesce(place.line_id, calling.line_id) AS line_id, nullif(place.county, '') AS county
FROM terminals_terminal AS terminal JOIN terminals_place AS place ON place.id = terminal.site_id
LEFT JOIN (
    SELECT stop_id, min(line_id) AS line_id FROM terminals_routestop JOIN terminals_route AS route ON route.id = route_id
    GROUP BY stop_id HAVING count(DISTINCT line_id) = 1
) AS calling ON calling.stop_id = place.stop_id
"""

# Into a table of its own first: INSERT … SELECT reads with one process only, CREATE TABLE AS with all there are.
_TAPS: Final = """
CREATE TEMPORARY TABLE tapped AS
SELECT tap.merchant_id, tap.terminal_id, card.product_id,
    count(*) FILTER (WHERE outcome = ANY(%(earned)s::smallint[])) AS taps,
    coalesce(sum(amount_fen) FILTER (WHERE outcome = ANY(%(earned)s::smallint[])), 0) AS taps_fen,
    count(*) FILTER (WHERE batch.online AND outcome = ANY(%(earned)s::smallint[])) AS online_taps,
    count(*) FILTER (WHERE outcome <> ALL(%(earned)s::smallint[])) AS suspended_taps,
    coalesce(sum(amount_fen) FILTER (WHERE outcome <> ALL(%(earned)s::smallint[])), 0) AS suspended_fen
FROM terminals_tap AS tap
JOIN terminals_batch AS batch ON batch.id = tap.batch_id
JOIN accounts_card AS card ON card.id = tap.card_id
WHERE tap.business_date = %(day)s
GROUP BY tap.merchant_id, tap.terminal_id, card.product_id
"""

# What a merchant was credited, or gave back, without a tap of the date: the document says by which terminal and for which card, if it does.
_MOVED: Final = """
CREATE TEMPORARY TABLE told_apart AS
WITH leg AS (
    SELECT credit_id AS payable_id, debit_id AS other_id, kind, source_id, 1 AS online, amount_fen AS online_fen, 0::bigint AS refund_fen
    FROM accounts_transfer WHERE business_date = %(day)s AND kind = ANY(%(online)s::smallint[])
    UNION ALL
    SELECT debit_id, credit_id, kind, source_id, 0, 0, amount_fen
    FROM accounts_transfer WHERE business_date = %(day)s AND kind = ANY(%(given)s::smallint[])
)
SELECT merchant.id AS merchant_id, coalesce(ride.terminal_id, grey.terminal_id, back.terminal_id) AS terminal_id, card.product_id,
    sum(leg.online) AS online, sum(leg.online_fen) AS online_fen, 0::numeric AS subsidy_fen, sum(leg.refund_fen) AS refund_fen
FROM leg
JOIN terminals_merchant AS merchant ON merchant.payable_id = leg.payable_id
LEFT JOIN accounts_purse AS purse ON purse.account_id = leg.other_id
LEFT JOIN terminals_ride AS ride ON leg.kind = ANY(%(rides)s::smallint[]) AND ride.id = leg.source_id
LEFT JOIN terminals_grey AS grey ON leg.kind = %(grey)s AND grey.id = leg.source_id
LEFT JOIN accounts_passuse AS use ON leg.kind = %(pass)s AND use.id = leg.source_id
LEFT JOIN accounts_pass AS pass ON pass.id = use.card_pass_id
LEFT JOIN accounts_topuporder AS topup ON leg.kind = %(topup)s AND topup.id = leg.source_id
LEFT JOIN terminals_purchasereturn AS back ON back.order_id = topup.id
LEFT JOIN accounts_card AS card ON card.id = coalesce(purse.card_id, ride.card_id, grey.card_id, pass.card_id, topup.card_id)
GROUP BY 1, 2, 3
UNION ALL
SELECT share.merchant_id, tap.terminal_id, card.product_id, 0, 0, sum(share.amount_fen), 0
FROM terminals_fareshare AS share
JOIN accounts_card AS card ON card.id = share.card_id
LEFT JOIN terminals_tap AS tap ON (tap.business_date, tap.card_id, tap.atc) = (share.ride_date, share.card_id, share.atc)
    AND tap.outcome NOT IN (3, 8)
WHERE share.business_date = %(day)s
GROUP BY 1, 2, 3
"""

_ROWS: Final = """
INSERT INTO settlement_rolluprow (run_id, merchant_id, line_id, channel, product_id, county, taps, taps_fen, online_taps,
    suspended_taps, suspended_fen, online, online_fen, subsidy_fen, refund_fen, fee_fen, adjusted_fen)
WITH part AS (
    SELECT merchant_id, terminal_id, product_id, taps, taps_fen, online_taps, suspended_taps, suspended_fen, 0::numeric AS online,
        0::numeric AS online_fen, 0::numeric AS subsidy_fen, 0::numeric AS refund_fen, 0::bigint AS fee_fen, 0::bigint AS adjusted_fen
    FROM tapped
    UNION ALL
    SELECT merchant_id, terminal_id, product_id, 0, 0, 0, 0, 0, online, online_fen, subsidy_fen, refund_fen, 0, 0 FROM told_apart
    UNION ALL
    SELECT merchant_id, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, fee_fen, adjusted_fen FROM settlement_statement
    WHERE run_id = %(day)s AND (fee_fen <> 0 OR adjusted_fen <> 0)
)
SELECT %(day)s, merchant.id, site.line_id, merchant.channel, product_id, coalesce(site.county, merchant.county) AS county,
    sum(taps), sum(taps_fen), sum(online_taps), sum(suspended_taps), sum(suspended_fen), sum(online), sum(online_fen),
    sum(subsidy_fen), sum(refund_fen), sum(fee_fen), sum(adjusted_fen)
FROM part JOIN terminals_merchant AS merchant ON merchant.id = part.merchant_id
LEFT JOIN site ON site.terminal_id = part.terminal_id
GROUP BY merchant.id, site.line_id, product_id, coalesce(site.county, merchant.county)
ORDER BY merchant.id, site.line_id, product_id, county
"""


def roll_up_due_days() -> list[date]:
    """Roll up the sealed dates that are not yet, oldest first, each in a transaction; the dates. Repeating changes nothing."""
    made: list[date] = []
    while (day := _roll_up_next()) is not None:
        made.append(day)
    return made


@transaction.atomic
def _roll_up_next() -> date | None:
    lock_roll_ups()
    day = next_unrolled_day()
    if day is not None:
        values = _VALUES | {"day": day}
        with connection.cursor() as cursor:
            for statement in (_SITES, _TAPS, _MOVED, _ROWS):
                cursor.execute(statement, values)
            rows = cursor.rowcount
            cursor.execute("DROP TABLE site, tapped, told_apart")
        RollUp.objects.create(run_id=day, rows=rows)
    return day
