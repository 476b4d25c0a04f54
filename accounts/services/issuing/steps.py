"""How an application goes on: one step under the row's lock, what is due for it, and what the audit trail keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from accounts.errors import IllegalApplicationStep, PaymentChanged
from accounts.models import CardProduct, IssueApplication
from accounts.services.replacements import replacement_fee_fen
from citizencard.core.audit import record_audit
from citizencard.core.money import format_yuan
from citizencard.core.states import lock_row, step_to


@transaction.atomic
def take_step(
    application: IssueApplication,
    step: Callable[[IssueApplication], object],
    target: IssueApplication.State,
    **changes: Any,
) -> IssueApplication:
    """Take one step under the row's lock, with the fields that it brings. Raises IllegalApplicationStep."""
    current = lock_row(application)
    with step_to(target, IllegalApplicationStep):
        step(current)
    for name, value in changes.items():
        setattr(current, name, value)
    current.save(update_fields=["state", *changes])
    return current


def amounts_due(application: IssueApplication) -> tuple[int, int]:
    """Price, or the fee of a replacement, and deposit, in fen, as they are now."""
    product, replaced = CardProduct.objects.get(pk=application.product_id), application.replaces
    price_fen = replacement_fee_fen(replaced, application.cause) if replaced else product.price_fen
    return price_fen, product.deposit_fen


def check_price(application: IssueApplication) -> None:
    """The sale is booked at what is due: it must be what was taken. Raises PaymentChanged."""
    due = amounts_due(application)
    if (application.price_fen, application.deposit_fen) != due:
        raise PaymentChanged(taken=format_yuan(application.taken_fen), due=format_yuan(sum(due)))


def audit(application: IssueApplication, action: str, **detail: Any) -> None:
    """An entry in the name of the application's clerk."""
    record_audit(
        actor=application.clerk, action=action, subject=f"issue-application:{application.pk}", detail=detail
    )
