"""What merchants are due, to whom it goes and who must agree: read for a payout batch, and shown in the office."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.models import LedgerAccount
from settlement.models import Contract, PayoutBatch, PayoutCarried, PayoutPolicy
from settlement.selectors.calendar import payable_until

# A merchant's settlement account holds what its dates have brought, less what was sent out and plus what came back. Not due
# are statements of dates after the one asked for, those that their contracts settle after the value date, and those that wait
# for a contract; nor what waits in a batch already. Kinds 21 and 53 are SETTLEMENT and SPLIT.
_DUE: Final = """
WITH early AS (
    SELECT statement.id, statement.run_id FROM settlement_statement AS statement
    JOIN settlement_clearingrun AS run ON run.business_date = statement.run_id AND run.state IN ('posted', 'cleared')
    LEFT JOIN LATERAL (
        SELECT greatest(valid_from, statement.run_id) AS earned_on, settle_days FROM settlement_contract
        WHERE id = statement.contract_id OR statement.contract_id IS NULL AND merchant_id = statement.merchant_id
            AND valid_from > statement.run_id
        ORDER BY valid_from LIMIT 1
    ) AS contract ON true
    LEFT JOIN unnest(%(settle_days)s::integer[], %(until)s::date[]) AS term (settle_days, until)
        ON term.settle_days = contract.settle_days
    WHERE statement.run_id > %(through)s
        OR (statement.run_id > %(surely)s OR statement.contract_id IS NULL AND statement.fee_basis_points = 0)
        AND coalesce(contract.earned_on > term.until, true)
), moved AS (
    SELECT debit_id, credit_id, amount_fen FROM early JOIN accounts_transfer AS transfer
        ON transfer.business_date = early.run_id AND transfer.kind = 21 AND transfer.source_id = early.id
    UNION ALL
    SELECT debit_id, credit_id, transfer.amount_fen
    FROM early JOIN settlement_statementshare AS share ON share.statement_id = early.id JOIN accounts_transfer AS transfer
        ON transfer.business_date = early.run_id AND transfer.kind = 53 AND transfer.source_id = share.id
), later AS (
    SELECT account_id, sum(fen)::bigint AS fen FROM (
        SELECT credit_id AS account_id, amount_fen AS fen FROM moved UNION ALL SELECT debit_id, -amount_fen FROM moved
    ) AS leg GROUP BY account_id
)
SELECT merchant.id, merchant.code, merchant.settlement_id, ledger.state, payee.id, coalesce(payee.failed, false),
    coalesce(closing.fen, 0) + coalesce(since.fen, 0) - coalesce(later.fen, 0) - coalesce(waiting.fen, 0)
FROM terminals_merchant AS merchant
JOIN accounts_ledgeraccount AS ledger ON ledger.id = merchant.settlement_id
LEFT JOIN LATERAL (
    SELECT business_date, credit_fen - debit_fen AS fen FROM accounts_closing
    WHERE account_id = merchant.settlement_id ORDER BY business_date DESC LIMIT 1
) AS closing ON true
LEFT JOIN LATERAL (
    SELECT sum(credit_fen - debit_fen)::bigint AS fen FROM accounts_tally
    WHERE account_id = merchant.settlement_id AND business_date > coalesce(closing.business_date, '-infinity')
) AS since ON true
LEFT JOIN later ON later.account_id = merchant.settlement_id
LEFT JOIN (
    SELECT merchant_id, sum(amount_fen)::bigint AS fen FROM settlement_payoutorder WHERE state = 'waiting' GROUP BY merchant_id
) AS waiting ON waiting.merchant_id = merchant.id
LEFT JOIN LATERAL (
    SELECT account.id, (
        SELECT o.state IN ('rejected', 'returned') FROM settlement_payoutorder AS o
        WHERE o.account_id = account.id AND o.state <> 'dropped' ORDER BY o.id DESC LIMIT 1
    ) AS failed
    FROM settlement_payoutaccount AS account
    WHERE account.merchant_id = merchant.id AND account.state = 'approved' AND account.valid_from <= %(value_date)s
    ORDER BY account.valid_from DESC, account.checked_at DESC LIMIT 1
) AS payee ON true
WHERE since.fen IS NOT NULL OR closing.fen <> 0
ORDER BY merchant.code COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Due:
    """One merchant's unpaid balance (fen, negative: it owes), its account in force, whether the last payout to that came back."""

    merchant_id: int
    code: str
    settlement_id: int
    ledger_state: str
    account_id: UUID | None
    account_failed: bool
    amount_fen: int

    @property
    def why_not(self) -> PayoutCarried.Why | None:
        """Why the merchant is not paid; None where it is."""
        why = PayoutCarried.Why
        if self.amount_fen == 0:
            return why.NOTHING_DUE
        if self.amount_fen < 0:
            return why.OWED_BY_MERCHANT
        if self.ledger_state != LedgerAccount.State.OPEN:
            return why.FROZEN
        if self.account_id is None:
            return why.NO_ACCOUNT
        return why.ACCOUNT_FAILED if self.account_failed else None


def due_merchants(*, through: date, value_date: date) -> list[Due]:
    """Every merchant with a balance, or without one after moving, by code; one statement however many there are.

    Raises CalendarMissing.
    """
    terms = Contract.objects.order_by("settle_days").values_list("settle_days", flat=True).distinct()
    until = {days: payable_until(value_date, days) for days in terms}
    values: dict[str, Any] = {
        "through": through,
        "value_date": value_date,
        "settle_days": list(until),
        "until": list(until.values()),
        "surely": min(until.values(), default=through),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, values)
        return [Due(*row) for row in cursor.fetchall()]


def needs_second_approval(*, total_fen: int, day: date) -> bool:
    """Whether the policy of the date wants a second approval; without a policy every batch does."""
    in_force = PayoutPolicy.objects.filter(state="approved", valid_from__lte=day)
    policy = in_force.order_by("-valid_from", "-checked_at").first()
    return policy is None or total_fen >= policy.second_approval_from_fen


def digest_of_orders(rows: Iterable[tuple[str, UUID, int]]) -> bytes:
    """SHA-256 over a batch's orders (end-to-end id, account, fen), a line each in their order: what people approve."""
    lines = (f"{end_to_end_id}|{account}|{amount_fen}\n" for end_to_end_id, account, amount_fen in rows)
    return hashlib.sha256("".join(lines).encode()).digest()


def order_rows(batch: PayoutBatch) -> list[tuple[str, UUID, int]]:
    """A batch's orders as its digest has them."""
    orders = batch.orders.order_by("pk")
    return list(orders.values_list("end_to_end_id", "account_id", "amount_fen"))
