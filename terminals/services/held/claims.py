"""Claims that purchases beyond the balance have left (1221): collected where the value turns up, or written off.

The merchant was paid. What is missing is most often a load whose proof came after the purchase: then the purse holds more
than its chip, by that much. How much a chip holds is known from its newest proved load, less all purchases since; what was
given back to the purse and never to the chip is the holder's and is left alone. An account purse has no chip: it pays what
it owes as soon as it can.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection, transaction

from accounts.models import Chart
from accounts.services import postings
from accounts.services.ledger import post_journal
from terminals.models import ClaimResolution, HeldKind, HeldProposal, WaitingPurchase
from terminals.services.held.resolving import AT_ONCE, lapse, take_turn

ACTOR: Final = "claims"
Rule = ClaimResolution.Rule

# A second purchase with one counter (3) and one that cannot be checked (8) say nothing of what the chip holds, and are not
# collected; nor is anything while counters are missing, for those purchases are still to come.
_DUE: Final = """
WITH claim AS (
    SELECT waiting.subject_id AS id, waiting.business_date, waiting.amount_fen, waiting.occurred_at, purse.account_id,
        CASE WHEN waiting.cause = 'ride' THEN purse.balance_fen - purse.held_fen
            WHEN chip.load_id IS NOT NULL THEN least(
                purse.balance_fen - purse.held_fen, purse.balance_fen - chip.balance_fen - kept.fen) END AS there_fen,
        chip.load_id AS proof_id
    FROM terminals_waiting AS waiting
    JOIN accounts_purse AS purse ON purse.card_id = waiting.card_id
        AND purse.kind = CASE waiting.cause WHEN 'ride' THEN 'account' ELSE 'chip' END
    JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id AND account.state = 'open'
    LEFT JOIN LATERAL (
        SELECT load.id AS load_id, load.balance_before_fen + load.amount_fen - coalesce((
            SELECT sum(tap.amount_fen) FROM terminals_tap AS tap
            WHERE tap.card_id = purse.card_id AND tap.occurred_at > load.loaded_at AND tap.outcome NOT IN (3, 8)), 0)
            - coalesce((
            SELECT sum(grey.amount_fen) FROM terminals_grey AS grey JOIN terminals_greystep AS step ON step.grey_id = grey.id
            WHERE grey.card_id = purse.card_id AND grey.occurred_at > load.loaded_at AND step.state = 'settled'), 0)
            AS balance_fen
        FROM accounts_topuporder AS load
        WHERE load.purse_id = purse.id AND load.state = 'confirmed' ORDER BY load.loaded_at DESC LIMIT 1
    ) AS chip ON waiting.cause <> 'ride'
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(tap.amount_fen - coalesce(done.paid_fen, 0)), 0) AS fen FROM terminals_tap AS tap
        JOIN accounts_transfer AS moved ON moved.business_date = tap.business_date AND moved.kind = 11
            AND moved.source_id = tap.id
        LEFT JOIN terminals_heldresolution AS done ON done.tap_id = tap.id
        WHERE tap.card_id = purse.card_id AND tap.outcome IN (2, 5, 6, 7, 9) AND (
            done.tap_id IS NULL AND moved.debit_id <> purse.account_id
            OR done.party <> 'holder' AND done.returned_to_id IN (purse.account_id, moved.debit_id))
    ) AS kept
    WHERE waiting.what = 'claim' AND waiting.cause NOT IN ('counter_conflict', 'key_unusable')
        AND (waiting.cause = 'ride'
            OR purse.offline_seen = int4multirange(int4range(lower(purse.offline_seen), upper(purse.offline_seen))))
        AND (%(only)s::bigint[] IS NULL OR waiting.subject_id = ANY(%(only)s))
)
SELECT id, business_date, amount_fen, occurred_at, account_id, proof_id FROM (
    SELECT claim.*, sum(amount_fen) OVER (PARTITION BY account_id ORDER BY id) AS sum_fen FROM claim
    WHERE amount_fen <= there_fen
) AS found WHERE sum_fen <= there_fen ORDER BY id LIMIT %(limit)s
"""
_LOCK: Final = (
    "SELECT id FROM accounts_purse WHERE account_id = ANY(%s) ORDER BY account_id FOR NO KEY UPDATE"
)


@dataclass(frozen=True, slots=True)
class _Due:
    """A claim and the purse that pays it; `proof_id` is the load that proved its chip's balance."""

    claim_id: int
    business_date: date
    amount_fen: int
    occurred_at: datetime
    account_id: int
    proof_id: int | None


@transaction.atomic
def collect_claims() -> int:
    """Collect claims whose value has turned up, at most AT_ONCE; how many. Again changes nothing.

    A fixed number of statements. Raises NoOpenBusinessDay.
    """
    take_turn()
    if not (due := _due(None)):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[each.account_id for each in due]])
    # Seen again under the locks: what a purse held before it need not be there any more.
    if not (due := _due([each.claim_id for each in due])):
        return 0
    claims_id = postings.account_id(Chart.SUSPENSE_RECEIVABLE)
    journal = post_journal(
        key=f"claims-collected:{due[0].claim_id}",
        kind="claims_collected",
        actor=ACTOR,
        source=f"{len(due)} claims",
        legs=[
            leg
            for each in due
            for leg in postings.claim_collected(
                claims_id=claims_id,
                purse_id=each.account_id,
                amount_fen=each.amount_fen,
                claim_id=each.claim_id,
                occurred_at=each.occurred_at,
            )
        ],
    )
    ClaimResolution.objects.bulk_create(
        ClaimResolution(
            claim_id=each.claim_id,
            business_date=each.business_date,
            amount_fen=each.amount_fen,
            rule=Rule.COLLECTED,
            purse_account_id=each.account_id,
            proof_id=each.proof_id,
            journal=journal,
        )
        for each in due
    )
    lapse(HeldKind.CLAIM, [each.claim_id for each in due])
    return len(due)


def write_off(*, claim: WaitingPurchase, proposal: HeldProposal, actor: str) -> None:
    """A claim becomes our loss, as two people want it. The caller has its turn and a transaction."""
    journal = post_journal(
        key=f"claim-written-off:{claim.subject_id}",
        kind="claim_written_off",
        actor=actor,
        source=str(claim),
        reason=proposal.reason,
        legs=postings.claim_written_off(
            amount_fen=claim.amount_fen, claim_id=claim.subject_id, occurred_at=claim.occurred_at
        ),
    )
    ClaimResolution.objects.create(
        claim_id=claim.subject_id,
        business_date=claim.business_date,
        amount_fen=claim.amount_fen,
        rule=Rule.WRITTEN_OFF,
        proposal=proposal,
        journal=journal,
    )


def _due(only: list[int] | None) -> list[_Due]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"limit": AT_ONCE, "only": only})
        return [_Due(*row) for row in cursor.fetchall()]
