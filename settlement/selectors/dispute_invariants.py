"""What must hold of disputes: case, decision, charge and money say the same."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "a dispute stands where its charge does": """
        SELECT coalesce(dispute.number, charge.what || ' #' || charge.source_id), format('dispute %%s, charge %%s',
            coalesce(dispute.state, 'missing'), coalesce(charge.state, 'missing'))
        FROM settlement_dispute AS dispute FULL JOIN accounts_disputedcharge AS charge ON charge.id = dispute.charge_id
        WHERE charge.state IS DISTINCT FROM
            CASE dispute.state WHEN 'granted' THEN 'granted' WHEN 'closed' THEN 'refused' ELSE 'open' END
            OR dispute.id IS NULL""",
    "a dispute ends as it was decided, by as many people as its amount asks for": """
        SELECT dispute.number, format('%%s, decided %%s', dispute.state, coalesce(string_agg(decision.outcome, ', '), 'never'))
        FROM settlement_dispute AS dispute
        JOIN accounts_disputedcharge AS charge ON charge.id = dispute.charge_id
        JOIN settlement_disputepolicy AS policy ON policy.id = dispute.policy_id
        LEFT JOIN terminals_merchant AS merchant ON merchant.id = dispute.merchant_id
        LEFT JOIN settlement_disputedecision AS decision ON decision.dispute_id = dispute.id AND decision.state = 'done'
        LEFT JOIN accounts_ledgeraccount AS bearer ON bearer.id = charge.bearer_id
        GROUP BY dispute.id, dispute.number, dispute.state, charge.amount_fen, policy.two_people_from_fen, bearer.id, bearer.code,
            merchant.payable_id
        HAVING count(*) FILTER (WHERE outcome = 'grant') <> (dispute.state = 'granted')::int
            OR (count(*) FILTER (WHERE outcome = 'refuse') > 0) <> (dispute.state IN ('refused', 'appealed', 'closed'))
                AND dispute.state <> 'granted'
            OR count(*) FILTER (WHERE rule = 'people' AND NOT by_two AND charge.amount_fen >= policy.two_people_from_fen) > 0
            OR count(*) FILTER (WHERE decision.bearer = 'merchant' AND bearer.id IS DISTINCT FROM merchant.payable_id) > 0
            OR count(*) FILTER (WHERE decision.bearer = 'centre' AND bearer.code IS DISTINCT FROM '6711') > 0""",
    "what is disputed and given back of a charge is within it": """
        SELECT charge.what || ' #' || charge.source_id, format('%%s fen disputed, %%s given back, of %%s', charge.amount_fen, back.fen,
            dispute.charged_fen)
        FROM accounts_disputedcharge AS charge JOIN settlement_dispute AS dispute ON dispute.charge_id = charge.id
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount_fen), 0) AS fen FROM (
            SELECT given.amount_fen FROM terminals_purchasereturn AS given
            WHERE charge.what = 'purchase' AND given.tap_id = charge.source_id
            UNION ALL
            SELECT fare.given_fen FROM terminals_tap AS tap JOIN terminals_farecharge AS fare
                ON (fare.business_date, fare.card_id, fare.atc) = (tap.business_date, tap.card_id, tap.atc)
            WHERE charge.what = 'purchase' AND tap.id = charge.source_id AND tap.card_id = charge.card_id
                AND tap.occurred_at = charge.occurred_at
            UNION ALL
            SELECT refund.amount_fen FROM accounts_paymentrefund AS refund
            WHERE charge.what = 'payment' AND refund.payment_id = charge.source_id
        ) AS given) AS back
        WHERE charge.state <> 'refused' AND charge.amount_fen + back.fen > dispute.charged_fen""",
}
"""By name, each one query of (subject, detail), over all dates."""
