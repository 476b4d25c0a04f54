"""What the city owes a holder because it was wrong: put on record once, and paid."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import IllegalCompensationStep
from accounts.models import Card, Compensation, LedgerAccount, Purse
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import step_to


@transaction.atomic
def compensate(
    *, card: Card, amount_fen: int, key: str, legal_basis: str, actor: str, occurred_at: datetime
) -> Compensation:
    """Owe the card's holder `amount_fen` (fen), once per `key`, and pay it into the card's online account if that has room.

    Without one it waits for the holder at the counter, see `pay_compensation_in_cash`. Audited. Raises Conflict when the key
    stands for something else, InvalidField.
    """
    if amount_fen <= 0:
        raise InvalidField("amount_fen", _("more than nothing"))
    locks.lock_card(card.pk)
    standing = Compensation.objects.filter(key=key).first()
    if standing is not None:
        if (standing.card_id, standing.amount_fen) != (card.pk, amount_fen):
            raise Conflict(what=key)
        return standing
    note = Compensation.objects.create(
        key=key, card=card, amount_fen=amount_fen, legal_basis=legal_basis, occurred_at=occurred_at
    )
    post_journal(
        key=f"compensation-owed:{key}",
        kind="compensation_owed",
        actor=actor,
        source=key,
        legs=[postings.compensation_owed(note=note)],
    )
    record_audit(
        actor=actor,
        action="compensation.owe",
        subject=f"card:{card.pan}",
        detail={"key": key, "amount_fen": amount_fen},
    )
    purse = account_with_room(card, amount_fen)
    return note if purse is None else _pay(note, purse, actor=actor, at=occurred_at)


@transaction.atomic
def pay_compensation_in_cash(*, note: Compensation, actor: str, occurred_at: datetime) -> Compensation:
    """The holder takes it at the counter. Audited. Raises IllegalCompensationStep when it is paid already."""
    locks.lock_card(note.card_id)
    return _pay(locks.lock_compensation(note.pk), None, actor=actor, at=occurred_at)


def account_with_room(card: Card, amount_fen: int) -> Purse | None:
    """The card's account purse, locked, if it is open and has room for so much; the caller holds the card's lock."""
    purse = Purse.objects.filter(card=card, kind=Purse.Kind.ACCOUNT).first()
    if purse is None:
        return None
    purse = locks.lock_purse(card.pk, Purse.Kind.ACCOUNT)
    is_open = purse.account.state == LedgerAccount.State.OPEN
    return purse if is_open and purse.balance_fen + amount_fen <= purse.ceiling_fen else None


def _pay(note: Compensation, purse: Purse | None, *, actor: str, at: datetime) -> Compensation:
    with step_to(Compensation.State.PAID, IllegalCompensationStep):
        note.pay(at, purse)
    note.save(update_fields=["state", "paid_at", "purse"])
    post_journal(
        key=f"compensation-paid:{note.key}",
        kind="compensation_paid",
        actor=actor,
        source=note.key,
        legs=[postings.compensation_paid(note=note)],
    )
    record_audit(
        actor=actor,
        action="compensation.pay",
        subject=f"card:{note.card.pan}",
        detail={"key": note.key, "amount_fen": note.amount_fen, "in_cash": purse is None},
    )
    return note
