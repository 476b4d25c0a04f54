"""Terminals, merchants, staff and buyers that do what honest ones do not: forged records, refunds, split top-ups, night trade."""

from __future__ import annotations

import re
from typing import Any, Final

from accounts.models import RiskRule
from terminals.models import Channel
from terminals.selectors.risk.rule import Rule, at_least

# A refused record is kept as it came: a JSON line, or one of fixed columns, where 12 of the terminal and 10 of its sequence
# stand before the card's number.
_TAC: Final = """
WITH forged AS (
    SELECT refusal.business_date, refusal.id, batch.terminal_id, coalesce(substring(record FROM '"card_no" *: *"([0-9]+)"'),
        substring(record FROM '^D.{22}([0-9]{16,19})')) AS card_no
    FROM terminals_refusal AS refusal JOIN terminals_batch AS batch ON batch.id = refusal.batch_id
    WHERE refusal.business_date = %(day)s AND code = 'bad_tac'
)
SELECT 'terminal', terminal_id::text, NULL::bigint, jsonb_build_object('failures', count(*), 'limit', %(terminal_max)s::int),
    jsonb_build_object('refusals', to_jsonb((array_agg(jsonb_build_array(business_date, id) ORDER BY id))[:%(shown)s]))
FROM forged GROUP BY terminal_id HAVING count(*) > %(terminal_max)s
UNION ALL
SELECT 'card', card.id::text, card.id, jsonb_build_object('failures', count(*), 'limit', %(card_max)s::int),
    jsonb_build_object('refusals', to_jsonb((array_agg(jsonb_build_array(business_date, forged.id) ORDER BY forged.id))[:%(shown)s]))
FROM forged JOIN accounts_card AS card ON card.pan = forged.card_no GROUP BY card.id HAVING count(*) > %(card_max)s
"""

_REFUNDS: Final = """
WITH asked AS (
    SELECT id, card_id, requested_by, payee FROM accounts_refund
    WHERE requested_at >= %(day)s::date::timestamp AT TIME ZONE 'Asia/Shanghai'
        AND requested_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
)
SELECT 'officer', requested_by, NULL::bigint, jsonb_build_object('refunds', count(*), 'limit', %(officer_max)s::int),
    jsonb_build_object('refunds', to_jsonb((array_agg(id ORDER BY id))[:%(shown)s]))
FROM asked GROUP BY requested_by HAVING count(*) > %(officer_max)s
UNION ALL
SELECT 'payee', payee, NULL, jsonb_build_object('refunds', count(DISTINCT card_id), 'limit', %(payee_max)s::int),
    jsonb_build_object('refunds', to_jsonb((array_agg(id ORDER BY id))[:%(shown)s]))
FROM asked WHERE payee <> '' GROUP BY payee HAVING count(DISTINCT card_id) > %(payee_max)s
UNION ALL
SELECT 'merchant', merchant.id::text, NULL, jsonb_build_object('refunds', count(*), 'limit', %(merchant_max)s::int),
    jsonb_build_object('payment_refunds', to_jsonb((array_agg(back.id ORDER BY back.id))[:%(shown)s]))
FROM accounts_paymentrefund AS back JOIN accounts_payment AS payment ON payment.id = back.payment_id
JOIN terminals_merchant AS merchant ON merchant.payable_id = payment.payee_id
WHERE back.occurred_at >= %(day)s::date::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND back.occurred_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
GROUP BY merchant.id HAVING count(*) > %(merchant_max)s
"""

# Who buys: the payer, else the card's holder, else whoever has the anonymous card. Allowances are nobody's purchases.
_SPLIT: Final = """
WITH bought AS (
    SELECT orders.id, orders.card_id, amount_fen, coalesce(payer_id, citizen_id) AS buyer
    FROM accounts_topuporder AS orders JOIN accounts_card AS card ON card.id = orders.card_id
    WHERE orders.state IN ('paid', 'loaded', 'confirmed') AND channel <> 'subsidy' AND amount_fen < %(limit_fen)s
        AND paid_at >= %(day)s::date::timestamp AT TIME ZONE 'Asia/Shanghai'
        AND paid_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
), added AS (
    SELECT buyer, CASE WHEN buyer IS NULL THEN card_id END AS card_id, count(*) AS orders, sum(amount_fen) AS fen,
        count(*) FILTER (WHERE amount_fen >= %(near_fen)s) AS near,
        to_jsonb((array_agg(id ORDER BY amount_fen DESC, id))[:%(shown)s]) AS shown
    FROM bought GROUP BY buyer, 2
)
SELECT CASE WHEN buyer IS NULL THEN 'card' ELSE 'buyer' END, coalesce(buyer::text, card_id::text), card_id,
    jsonb_build_object('orders', orders, 'near', near, 'fen', fen), jsonb_build_object('orders', shown)
FROM added WHERE near >= %(times)s OR orders >= %(times)s AND fen >= %(limit_fen)s
"""

_NIGHT: Final = """
WITH own AS (
    SELECT DISTINCT ON (merchant_id) merchant_id, opens, closes FROM terminals_tradinghours
    WHERE valid_from <= %(day)s ORDER BY merchant_id, valid_from DESC
), hours AS (
    SELECT merchant.id AS merchant_id, coalesce(own.opens, (usual.span ->> 0)::time) AS opens,
        coalesce(own.closes, (usual.span ->> 1)::time) AS closes
    FROM terminals_merchant AS merchant LEFT JOIN own ON own.merchant_id = merchant.id
    LEFT JOIN jsonb_each(%(hours)s::jsonb) AS usual (channel, span) ON usual.channel = merchant.channel
), timed AS (
    SELECT merchant_id, business_date, id, amount_fen, occurred_at, opens, closes,
        (occurred_at AT TIME ZONE 'Asia/Shanghai')::time AS at
    FROM terminals_tap JOIN hours USING (merchant_id) WHERE business_date = %(day)s AND opens <> closes
), late AS (
    SELECT merchant_id, min(opens) AS opens, min(closes) AS closes, count(*) AS taps, sum(amount_fen) AS fen,
        (array_agg(jsonb_build_array(business_date, id) ORDER BY occurred_at))[:%(shown)s] AS shown
    FROM timed WHERE CASE WHEN opens < closes THEN at < opens OR at >= closes ELSE at < opens AND at >= closes END
    GROUP BY merchant_id HAVING count(*) > %(taps_max)s OR sum(amount_fen) > %(fen_max)s
)
SELECT 'merchant', merchant_id::text, NULL::bigint, jsonb_build_object('taps', taps, 'fen', fen,
    'opens', to_char(opens, 'HH24:MI'), 'closes', to_char(closes, 'HH24:MI')), jsonb_build_object('taps', to_jsonb(shown))
FROM late
"""

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _are_hours(value: Any) -> bool:
    """Channel → [opens, closes], HH:MM."""
    return isinstance(value, dict) and all(
        channel in Channel.values
        and isinstance(span, list)
        and len(span) == 2
        and all(isinstance(clock, str) and _CLOCK.fullmatch(clock) for clock in span)
        for channel, span in value.items()
    )


TAC: Final = Rule(RiskRule.TAC, 1, {"terminal_max": at_least(0), "card_max": at_least(0)}, _TAC)
REFUNDS: Final = Rule(
    RiskRule.REFUNDS,
    1,
    {"officer_max": at_least(0), "payee_max": at_least(0), "merchant_max": at_least(0)},
    _REFUNDS,
)
SPLIT: Final = Rule(
    RiskRule.SPLIT, 1, {"near_fen": at_least(1), "limit_fen": at_least(1), "times": at_least(2)}, _SPLIT
)
NIGHT: Final = Rule(
    RiskRule.NIGHT, 1, {"hours": _are_hours, "taps_max": at_least(0), "fen_max": at_least(0)}, _NIGHT
)
