"""What every step of a dispute leaves behind: a line on the audit trail, and a message to the holder."""

from __future__ import annotations

from accounts.models import Notice
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.money import format_yuan
from settlement.models import Dispute


def tell(dispute: Dispute, code: Notice.Code, **data: str) -> None:
    """A message to the holder of a real-name card; the amount is what is disputed."""
    charge = dispute.charge
    if charge.card.citizen_id is not None:
        amount = format_yuan(charge.amount_fen)
        notify(charge.card.citizen_id, code, number=dispute.number, amount=amount, **data)


def audit(dispute: Dispute, action: str, actor: str, **detail: object) -> None:
    """Who did what with the case. Never what was said in it."""
    record_audit(actor=actor, action=action, subject=f"dispute:{dispute.number}", detail=detail)
