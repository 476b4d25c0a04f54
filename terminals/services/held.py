"""Purchases made with lost cards: who was late bears them, by the promise that held when the loss was reported.

The times are on record: when it was reported, when the centre published it, when the terminal said that it applies it. A
purchase itself proves that its terminal had not applied the list yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import Chart
from accounts.services import postings
from accounts.services.ledger import Leg, post_journal
from terminals.models import HeldResolution

ACTOR: Final = "hot list policy"
AT_ONCE: Final = 5_000
_HELD_LOCK: Final = 0x4865_6C64
"""Advisory lock ("Held"): two runs take turns."""

# What is not the holder's goes back where it came from: to the card's purse while that is open and has room, else to
# the online purse of another card of the same holder, else to the claim that it was. If there is no such place, it waits.
_DUE: Final = """
WITH held AS (
    SELECT tap.id, tap.business_date, tap.card_id, tap.terminal_id, tap.occurred_at, tap.amount_fen, merchant.payable_id,
        entry.version AS entry_id, entry.removed_at, entry.effective_at AS reported_at, policy.id AS policy_id,
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
    ) AS entry ON entry.cause = 'loss' OR entry.cause = 'suspicion' AND entry.removed_at IS NOT NULL
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
), placed AS (
    SELECT judged.*, CASE WHEN NOT coalesce(from_purse, true) THEN debit_id ELSE (
        SELECT account.id FROM accounts_purse AS own
        JOIN accounts_ledgeraccount AS account ON account.id = own.account_id AND account.state = 'open'
        JOIN accounts_card AS holding ON holding.id = own.card_id
        WHERE (own.card_id = judged.card_id AND own.kind = 'chip'
                OR own.kind = 'account' AND holding.state = 'active'
                    AND holding.citizen_id = (SELECT citizen_id FROM accounts_card WHERE id = judged.card_id))
            AND own.balance_fen + (SELECT sum(amount_fen) FROM judged AS all_of_it
                WHERE all_of_it.card_id = judged.card_id) <= own.ceiling_fen
        ORDER BY own.card_id = judged.card_id DESC, own.id LIMIT 1
    ) END AS place_id
    FROM judged
)
SELECT id, business_date, occurred_at, amount_fen, payable_id, entry_id, policy_id, reported_at, promised_at, published_at,
    applied_at, rule, CASE WHEN rule IN ('not_applied', 'not_published') THEN place_id END
FROM placed WHERE rule IN ('found', 'within_promise') OR place_id IS NOT NULL ORDER BY id LIMIT %(limit)s
"""
_LOCK_PURSES: Final = """
SELECT purse.id FROM accounts_purse AS purse WHERE purse.account_id = ANY(%s) ORDER BY purse.account_id FOR NO KEY UPDATE
"""
_PARTY: Final = {
    HeldResolution.Rule.FOUND: HeldResolution.Party.HOLDER,
    HeldResolution.Rule.WITHIN_PROMISE: HeldResolution.Party.HOLDER,
    HeldResolution.Rule.NOT_APPLIED: HeldResolution.Party.OPERATOR,
    HeldResolution.Rule.NOT_PUBLISHED: HeldResolution.Party.CENTRE,
}


@dataclass(frozen=True, slots=True)
class _Held:
    """One purchase as judged; names as in HeldResolution."""

    tap_id: int
    business_date: Any
    occurred_at: datetime
    amount_fen: int
    payable_id: int
    entry_id: int
    policy_id: int
    reported_at: datetime
    promised_at: datetime
    published_at: datetime | None
    applied_at: datetime | None
    rule: str
    returned_to_id: int | None

    @property
    def party(self) -> HeldResolution.Party:
        return _PARTY[HeldResolution.Rule(self.rule)]

    def resolution(self, journal_id: int | None) -> HeldResolution:
        values = {name: getattr(self, name) for name in self.__slots__}
        return HeldResolution(**values, party=self.party, journal_id=journal_id if self.amount_fen else None)


@transaction.atomic
def settle_hot_listed() -> int:
    """Decide the purchases of lost cards that can be decided, at most AT_ONCE; how many. Again changes nothing.

    Without a policy of the report's date nothing is decided. A fixed number of statements. Raises NoOpenBusinessDay.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HELD_LOCK])
        cursor.execute(_DUE, {"limit": AT_ONCE})
        due = [_Held(*row) for row in cursor.fetchall()]
        if not due:
            return 0
        cursor.execute(_LOCK_PURSES, [[held.returned_to_id for held in due if held.returned_to_id]])
    journal_id = None
    if legs := _legs(due):
        journal = post_journal(
            key=f"hot-listed:{due[0].tap_id}",
            kind="hot_listed",
            actor=ACTOR,
            source=f"{len(due)} held purchases",
            legs=legs,
        )
        journal_id = journal.pk
    HeldResolution.objects.bulk_create([held.resolution(journal_id) for held in due])
    return len(due)


def _legs(due: list[_Held]) -> list[Leg]:
    held_id, write_off_id = (
        postings.account_id(chart) for chart in (Chart.SUSPENSE_PAYABLE, Chart.WRITE_OFF)
    )
    legs: list[Leg] = []
    for held in due:
        if not held.amount_fen:
            continue
        tap: dict[str, Any] = {
            "amount_fen": held.amount_fen,
            "tap_id": held.tap_id,
            "occurred_at": held.occurred_at,
        }
        if held.returned_to_id is None:
            legs += postings.held_purchase_paid(held_id=held_id, payable_id=held.payable_id, **tap)
            continue
        legs += postings.held_purchase_returned(held_id=held_id, returned_to_id=held.returned_to_id, **tap)
        if held.party == HeldResolution.Party.CENTRE:
            legs += postings.loss_borne(write_off_id=write_off_id, payable_id=held.payable_id, **tap)
    return legs
