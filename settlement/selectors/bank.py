"""What a bank statement's lines are matched against: payout orders, claims with their sources, and what the books have already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from accounts.models import LedgerAccount
from accounts.selectors.balances import account_balance_fen
from settlement.models import BankSource, BankStatement, PayoutOrder

# Transfers on the bank's account that people have booked by the bank's reference, and that no statement has shown yet.
_KNOWN: Final = """
WITH document AS (
    SELECT reference, 31 AS kind, id FROM accounts_refundpart WHERE method = 'bank' AND reference = ANY(%(references)s)
    UNION ALL SELECT reference, 50, id FROM accounts_subsidyfunds WHERE reference = ANY(%(references)s)
    UNION ALL SELECT key, 50, id FROM accounts_remittance WHERE "into" = '1001' AND key = ANY(%(references)s)
)
SELECT document.reference, CASE WHEN t.debit_id = bank.id THEN t.amount_fen ELSE -t.amount_fen END, t.business_date, t.id
FROM document JOIN accounts_ledgeraccount AS bank ON bank.code = '1001'
JOIN accounts_transfer AS t ON t.kind = document.kind AND t.source_id = document.id AND bank.id IN (t.debit_id, t.credit_id)
WHERE NOT EXISTS (
    SELECT FROM settlement_bankentry AS entry WHERE (entry.transfer_date, entry.transfer_id) = (t.business_date, t.id))
ORDER BY t.business_date, t.id
"""


@dataclass(frozen=True, slots=True)
class KnownTransfer:
    """A transfer on 1001 that is in the books and not on a statement yet."""

    business_date: date
    transfer_id: int


def last_statement() -> BankStatement | None:
    """The newest statement of the chain."""
    return BankStatement.objects.filter(next=None).first()


def orders_named(end_to_end_ids: Iterable[str]) -> dict[str, PayoutOrder]:
    """The payout orders that statement lines name."""
    orders = PayoutOrder.objects.filter(end_to_end_id__in=set(end_to_end_ids) - {""})
    return {order.end_to_end_id: order for order in orders.select_related("merchant")}


def known_transfers(references: Iterable[str]) -> dict[tuple[str, int], list[KnownTransfer]]:
    """By bank reference and signed fen: what people have booked and no statement has shown."""
    found: dict[tuple[str, int], list[KnownTransfer]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"references": sorted(set(references) - {""})})
        for reference, signed_fen, business_date, transfer_id in cursor.fetchall():
            found[reference, signed_fen].append(KnownTransfer(business_date, transfer_id))
    return found


def sources_in_force(day: date) -> dict[str, str]:
    """Prefix → chart account of the claims that receipts of a date settle."""
    rows = BankSource.objects.filter(state="approved", valid_from__lte=day)
    return dict(rows.order_by("valid_from", "checked_at").values_list("prefix", "chart"))


def claim_fen(chart: str) -> int:
    """What is still to come of a claim, so that nobody settles more than he owes."""
    account = LedgerAccount.objects.filter(code=chart).first()
    return account_balance_fen(account.pk) if account else 0
