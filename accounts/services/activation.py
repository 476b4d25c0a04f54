"""Activation 激活: an issued card is inert until its holder has proved who they are, at the counter or in the portal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.timezone import localtime

from accounts import locks
from accounts.errors import ActivationLocked, IllegalCardTransition, ProofWrong
from accounts.models import ActivationLock, Card
from accounts.selectors.people import find_citizen
from accounts.services.cards import activate_card
from citizencard.core.audit import record_audit
from citizencard.core.errors import CitizenCardError

TRIES: Final = 3
LOCKED_FOR: Final = timedelta(minutes=30)


def activate_with_proof(*, card: Card, document_number: str, actor: str, occurred_at: datetime) -> Card:
    """The card may pay, if `document_number` is of a document in force of its holder; an anonymous card asks for none.

    The third wrong number closes activation for LOCKED_FOR; a wrong one counts although it is refused, so this is to be
    called outside of any transaction. Audited. Raises ProofWrong, ActivationLocked, IllegalCardTransition,
    KeyServiceUnavailable.
    """
    activated, refusal = _try(card, document_number, actor, occurred_at)
    if refusal is not None:
        raise refusal
    return activated


@transaction.atomic
def _try(
    card: Card, document_number: str, actor: str, occurred_at: datetime
) -> tuple[Card, CitizenCardError | None]:
    current = locks.lock_card(card.pk)
    if current.state != Card.State.ISSUED:
        raise IllegalCardTransition(source=current.get_state_display(), target=Card.State.ACTIVE.label)
    lock, _ = ActivationLock.objects.get_or_create(card=current)
    if lock.locked_until is not None and occurred_at < lock.locked_until:
        return current, ActivationLocked(until=f"{localtime(lock.locked_until):%H:%M}")
    refusal = None
    if _is_holder(current, document_number):
        current = activate_card(card=current, actor=actor, occurred_at=occurred_at)
    else:
        refusal = ProofWrong(left=TRIES - lock.wrong - 1)
    lock.wrong = 0 if refusal is None or refusal.data["left"] == 0 else lock.wrong + 1
    closed = refusal is not None and lock.wrong == 0
    lock.locked_until = occurred_at + LOCKED_FOR if closed else None
    lock.save()
    record_audit(
        actor=actor,
        action="card.activate" if refusal is None else "card.activation_refused",
        subject=f"card:{current.pan}",
        detail={"locked_until": lock.locked_until},
    )
    return current, refusal


def _is_holder(card: Card, document_number: str) -> bool:
    if card.citizen_id is None:
        return True
    found = find_citizen(document_number=document_number)
    return found is not None and found.pk == card.citizen_id
