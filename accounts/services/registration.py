"""Later registration 记名登记: who holds an anonymous card has it registered, and its limits are a real-name card's from then on."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import locks
from accounts.errors import NotRegistrable
from accounts.models import Card, CardProduct, Citizen, Notice, Purse, Registration
from accounts.services.cards import check_holder, open_purse, purse_terms
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.masks import mask_card


@transaction.atomic
def register_card(
    *, card: Card, citizen: Citizen, product: CardProduct, actor: str, occurred_at: datetime
) -> Registration:
    """`card` becomes the citizen's, of the real-name `product`. The caller has seen the chip prove itself. Audited; holder told.

    No fen moves: the purse keeps its account, a trigger gives it the product's bounds, and an account purse is opened if there is one. Again
    for the same citizen, the same registration. Raises NotRegistrable, and what `order_card` raises about the holder.
    """
    current = locks.lock_card(card.pk)
    known = Registration.objects.filter(card=current).first()
    if known is not None and current.citizen_id == citizen.pk:
        return known
    _check_product(current, product)
    check_holder(product, citizen)
    locks.lock_purses(current.pk)
    registration = Registration.objects.create(
        card=current,
        before=current.product,
        registered_by=actor,
        registered_at=occurred_at,
    )
    current.citizen, current.product = citizen, product
    current.save(update_fields=["citizen", "product"])
    for terms in purse_terms(product):
        if not Purse.objects.filter(card=current, kind=terms[0]).exists():
            open_purse(current, *terms)
    notify(citizen.pk, Notice.Code.CARD_REGISTERED, card=mask_card(current.pan))
    record_audit(
        actor=actor,
        action="card.register",
        subject=f"card:{current.pan}",
        detail={"citizen": str(citizen.pk), "before": registration.before_id, "product": product.pk},
    )
    return registration


@transaction.atomic
def show_earlier(*, card: Card, shown: bool, actor: str) -> None:
    """The holder wants to see what the card did before it was registered, or no longer. Audited."""
    if Registration.objects.filter(card=card).exclude(shows_earlier=shown).update(shows_earlier=shown):
        record_audit(
            actor=actor, action="card.show_earlier", subject=f"card:{card.pan}", detail={"shown": shown}
        )


def _check_product(card: Card, product: CardProduct) -> None:
    """The chip stays what it is: its kind and its overdraft are written on it."""
    alike = (product.kind_code, product.overdraft_fen, product.test_only) == (
        card.product.kind_code,
        card.product.overdraft_fen,
        card.product.test_only,
    )
    fits = product.real_name and product.balance_limit_fen >= card.product.balance_limit_fen
    if card.citizen_id is not None or card.state != Card.State.ACTIVE or not alike or not fits:
        raise NotRegistrable(card=mask_card(card.pan), product=product.name)
