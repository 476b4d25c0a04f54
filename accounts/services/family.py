"""Families: a payer invites, a member agrees, and either may end it at any time. What the payer sees is the member's choice."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import FamilyLinkExists, FamilyLinkMissing, IllegalFamilyTransition
from accounts.models import Card, Citizen, FamilyLink, Purse, TopUpOrder
from accounts.services.levels import Operation, require_level
from accounts.services.topup import order_topup
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.states import step_to

State = FamilyLink.State


def invite_member(*, payer: Citizen, member: Citizen, actor: str, occurred_at: datetime) -> FamilyLink:
    """Ask `member` to let `payer` top up their cards. Raises LevelTooLow, InvalidField (oneself), FamilyLinkExists. Audited."""
    require_level(payer, Operation.FAMILY)
    if payer.pk == member.pk:
        raise InvalidField("member", _("nobody is their own family"))
    try:
        with transaction.atomic():
            link = FamilyLink.objects.create(payer=payer, member=member, invited_at=occurred_at)
            _audit(link, "family.invite", actor)
    except IntegrityError as error:
        raise FamilyLinkExists from error
    return link


@transaction.atomic
def join_family(*, link: FamilyLink, sees_balance: bool, actor: str, occurred_at: datetime) -> FamilyLink:
    """The member agrees, and says whether the payer may see the balance. Raises IllegalFamilyTransition. Audited."""
    link = locks.lock_family_link(link.pk)
    with step_to(State.ACTIVE, IllegalFamilyTransition):
        link.join()
    link.joined_at, link.sees_balance = occurred_at, sees_balance
    link.save()
    _audit(link, "family.join", actor)
    return link


@transaction.atomic
def show_balance(*, link: FamilyLink, sees_balance: bool, actor: str) -> FamilyLink:
    """The member gives or takes back the payer's view of the balance. Raises FamilyLinkMissing. Audited."""
    link = locks.lock_family_link(link.pk)
    if link.state != State.ACTIVE:
        raise FamilyLinkMissing
    link.sees_balance = sees_balance
    link.save(update_fields=["sees_balance"])
    _audit(link, "family.balance", actor)
    return link


@transaction.atomic
def leave_family(*, link: FamilyLink, actor: str, occurred_at: datetime) -> FamilyLink:
    """Payer or member ends the link, or the member declines: nothing more is seen or topped up. Repeating changes nothing.

    What the payer has ordered stays ordered. Audited.
    """
    link = locks.lock_family_link(link.pk)
    if link.state == State.ENDED:
        return link
    with step_to(State.ENDED, IllegalFamilyTransition):
        link.end()
    link.ended_at, link.sees_balance = occurred_at, False
    link.save()
    _audit(link, "family.leave", actor)
    return link


@transaction.atomic
def top_up_for(
    *,
    payer: Citizen,
    card: Card,
    amount_fen: int,
    actor: str,
    occurred_at: datetime,
    purse_kind: str = Purse.Kind.CHIP,
    request_key: str | None = None,
) -> TopUpOrder:
    """An order through the gateway for a family member's card; the payer is kept with it, and a refund goes back to them.

    Raises FamilyLinkMissing and what `order_topup` raises.
    """
    found = FamilyLink.objects.filter(payer=payer, member=card.citizen_id, state=State.ACTIVE).first()
    if found is None or locks.lock_family_link(found.pk).state != State.ACTIVE:
        raise FamilyLinkMissing
    return order_topup(
        card=card,
        amount_fen=amount_fen,
        channel=TopUpOrder.Channel.GATEWAY,
        actor=actor,
        occurred_at=occurred_at,
        purse_kind=purse_kind,
        payer=payer,
        request_key=request_key,
    )


def _audit(link: FamilyLink, action: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"family:{link.pk}",
        detail={"sees_balance": link.sees_balance},
    )
