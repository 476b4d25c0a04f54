"""Receipts 收据: one for each cash act, printed again as a copy. Audited both times."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.errors import NoReceipt
from accounts.models import DrawerEntry, Receipt
from accounts.selectors.receipts import WITH_RECEIPT
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.states import lock_row


@dataclass(frozen=True, slots=True)
class Printed:
    """A receipt, and whether this is a copy 副本 of one that was printed before."""

    receipt: Receipt
    is_copy: bool


@transaction.atomic
def print_receipt(*, entry: DrawerEntry, actor: str) -> Printed:
    """The receipt of a drawer entry: numbered the first time, a copy from then on. Raises NoReceipt.

    The hall's row is locked, so that its numbers follow each other without a gap.
    """
    if entry.journal.kind not in WITH_RECEIPT:
        raise NoReceipt
    hall = lock_row(entry.session.hall)
    receipt = Receipt.objects.filter(entry=entry).first()
    is_copy = receipt is not None
    if receipt is None:
        day = shanghai(timezone.now()).date()
        last = Receipt.objects.filter(hall=hall, day=day).aggregate(last=Max("running", default=0))["last"]
        receipt = Receipt.objects.create(entry=entry, hall=hall, day=day, running=last + 1, actor=actor)
        receipt.refresh_from_db()
    record_audit(
        actor=actor,
        action="receipt.reprint" if is_copy else "receipt.print",
        subject=f"receipt:{receipt}",
        detail={"amount_fen": entry.amount_fen},
    )
    return Printed(receipt, is_copy)
