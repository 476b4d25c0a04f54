"""Purchases made with lost cards: who was late bears them, by the promise that held when the loss was reported.

The times are on record: when it was reported, when the centre published it, when the terminal said that it applies it. A
purchase itself proves that its terminal had not applied the list yet.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from django.db import connection, transaction

from terminals.models import HeldResolution, Tap
from terminals.services.held.places import PLACE
from terminals.services.held.resolving import AT_ONCE, Decision, resolve, take_turn

ACTOR: Final = "hot list policy"

_DUE: Final = f"""
WITH held AS (
    SELECT tap.id, tap.business_date, tap.card_id, tap.terminal_id, tap.occurred_at, tap.amount_fen,
        tap.amount_fen AS back_fen, merchant.payable_id, entry.version AS entry_id, entry.removed_at,
        entry.effective_at AS reported_at, policy.id AS policy_id,
        entry.effective_at + make_interval(mins => policy.promise_minutes) AS promised_at,
        make_interval(mins => policy.grace_minutes) AS grace, listed.published_at, listed.version,
        moved.debit_id = purse.account_id AS from_purse, moved.debit_id
    FROM terminals_tap AS tap
    JOIN accounts_card AS card ON card.id = tap.card_id
    JOIN accounts_purse AS purse ON purse.card_id = tap.card_id AND purse.kind = 'chip'
    JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
    JOIN LATERAL (
        SELECT * FROM terminals_hotlistentry AS listed
        WHERE listed.pan = card.pan AND listed.effective_at <= tap.occurred_at
            AND (listed.removed_at IS NULL OR listed.removed_at > tap.occurred_at)
        ORDER BY listed.effective_at LIMIT 1
    ) AS entry ON entry.cause = 'loss' OR entry.cause IN ('suspicion', 'suspended') AND entry.removed_at IS NOT NULL
    JOIN LATERAL (
        SELECT * FROM terminals_hotlistpolicy
        WHERE valid_from <= (entry.effective_at AT TIME ZONE 'Asia/Shanghai')::date ORDER BY valid_from DESC LIMIT 1
    ) AS policy ON true
    LEFT JOIN LATERAL (
        SELECT version.version, version.published_at FROM terminals_hotlistchange AS change
        JOIN terminals_hotlistversion AS version ON version.version = change.version
        WHERE change.entry_id = entry.version AND change.effective_at IS NOT NULL
    ) AS listed ON true
    LEFT JOIN accounts_transfer AS moved ON moved.business_date = tap.business_date AND moved.kind = 11
        AND moved.source_id = tap.id
    WHERE tap.outcome = 2 AND NOT EXISTS (SELECT FROM terminals_heldresolution AS done WHERE done.tap_id = tap.id)
), judged AS (
    SELECT held.*, CASE
        WHEN removed_at IS NOT NULL THEN 'found'
        WHEN occurred_at < promised_at THEN 'within_promise'
        WHEN published_at IS NULL OR occurred_at < published_at + grace THEN 'not_published'
        ELSE 'not_applied' END AS rule,
        (SELECT min(applied_at) FROM terminals_listapplied AS applied
            WHERE applied.terminal_id = held.terminal_id AND applied.version >= held.version) AS applied_at
    FROM held
)
SELECT held.id, business_date, occurred_at, amount_fen, payable_id, rule, entry_id, policy_id, reported_at, promised_at,
    published_at, applied_at
FROM judged AS held LEFT JOIN {PLACE} AS place ON rule IN ('not_applied', 'not_published')
WHERE rule IN ('found', 'within_promise') OR NOT coalesce(from_purse, true) OR place.account_id IS NOT NULL
ORDER BY held.id LIMIT %(limit)s
"""  # noqa: S608  constants only
_PARTY: Final = {
    HeldResolution.Rule.FOUND: HeldResolution.Party.HOLDER,
    HeldResolution.Rule.WITHIN_PROMISE: HeldResolution.Party.HOLDER,
    HeldResolution.Rule.NOT_APPLIED: HeldResolution.Party.OPERATOR,
    HeldResolution.Rule.NOT_PUBLISHED: HeldResolution.Party.CENTRE,
}
_GROUNDS: Final = ("entry_id", "policy_id", "reported_at", "promised_at", "published_at", "applied_at")


@transaction.atomic
def settle_hot_listed() -> int:
    """Decide the purchases of lost cards that can be decided, at most AT_ONCE; how many. Again changes nothing.

    Without a policy of the report's date nothing is decided. A fixed number of statements. Raises NoOpenBusinessDay.
    """
    take_turn()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"limit": AT_ONCE})
        due = [_decision(*row) for row in cursor.fetchall()]
    return resolve(due, kind="hot_listed", actor=ACTOR)


def _decision(
    tap_id: int, day: date, occurred_at: datetime, amount_fen: int, payable_id: int, rule: str, *grounds: Any
) -> Decision:
    party = _PARTY[HeldResolution.Rule(rule)]
    return Decision(
        tap_id=tap_id,
        business_date=day,
        outcome=Tap.Outcome.HOT_LISTED,
        occurred_at=occurred_at,
        amount_fen=amount_fen,
        payable_id=payable_id,
        party=party,
        rule=rule,
        paid_fen=amount_fen if party == HeldResolution.Party.HOLDER else 0,
        grounds=dict(zip(_GROUNDS, grounds, strict=True)),
    )
