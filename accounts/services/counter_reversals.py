"""Same-day reversal at the counter: proposed by a clerk, let happen by a supervisor, never by deleting anything. Audited.

Only what is still as the counter left it can go back: a top-up that has not reached a chip or is still in the online account,
a card that was sold and never used. Everything else is the ordinary refund's.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import locks
from accounts.errors import IllegalOrderTransition, NotReversible
from accounts.models import Card, CounterReversal, DrawerEntry, Purse, Replacement, TopUpOrder
from accounts.services import postings
from accounts.services.cards import close_card
from accounts.services.drawer_entries import cash_needs_drawer
from accounts.services.ledger import post_journal
from accounts.services.orders import return_money
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.calendar import assign_business_date
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row, step_to

State = TopUpOrder.State


@transaction.atomic
def propose_reversal(*, entry: DrawerEntry, actor: str, reason: str) -> CounterReversal:
    """Ask for one of today's top-ups or sales to be undone; again, the same proposal. Raises NotReversible, InvalidField."""
    if not reason.strip():
        raise InvalidField("reason", _("a reversal has a reason"))
    standing = entry.reversals.exclude(state=CounterReversal.State.REFUSED).first()
    if standing is not None:
        return standing
    _demand_reversible(entry)
    try:
        with transaction.atomic():
            made = CounterReversal.objects.create(entry=entry, maker=actor, reason=reason.strip())
    except IntegrityError as error:  # two at once
        raise NotReversible(reason=_("it is proposed already.")) from error
    _audit(made, "reversal.propose", actor)
    return made


@transaction.atomic
def approve_reversal(*, reversal: CounterReversal, checker: str) -> CounterReversal:
    """A second person agrees: the money goes back out of the drawer of the clerk who asked, once.

    Raises MakerIsChecker, AlreadyDecided, NotReversible, DrawerNotOpen (the clerk has none), PurseFloorReached (spent meanwhile),
    CardHasFunds, IllegalCardTransition.
    """
    reversal = two_people.approve(lock_row(reversal), checker=checker)
    entry = reversal.entry
    _demand_reversible(entry)
    with cash_needs_drawer():
        if entry.journal.kind == "card_sale":
            _take_card_back(Card.objects.get(pan=entry.journal.source), reversal)
        else:
            _give_topup_back(TopUpOrder.objects.get(number=entry.journal.source), reversal)
    _audit(reversal, "reversal.approve", checker)
    return reversal


@transaction.atomic
def refuse_reversal(*, reversal: CounterReversal, checker: str, reason: str) -> CounterReversal:
    """A second person does not agree; nothing moves. Raises MakerIsChecker, AlreadyDecided."""
    reversal = two_people.refuse(lock_row(reversal), checker=checker, answer=reason)
    _audit(reversal, "reversal.refuse", checker)
    return reversal


def _demand_reversible(entry: DrawerEntry) -> None:
    """Raise NotReversible, with what to do instead, for what is not of today or no longer as the counter left it."""
    journal = entry.journal
    if journal.kind not in ("topup_paid", "card_sale"):
        raise NotReversible(reason=_("only top-ups and sales are reversed."))
    if journal.business_date != assign_business_date():
        raise NotReversible(reason=_("its business day is over. Refund the card."))
    if journal.kind == "card_sale":
        card = Card.objects.get(pan=journal.source)
        if Replacement.objects.filter(new=card).exists():
            raise NotReversible(reason=_("the card stands for another one. Refund the card."))
        if card.purses.filter(movements__gt=0).exists():
            raise NotReversible(reason=_("the card was used or topped up. Refund the card."))
    elif (order := TopUpOrder.objects.select_related("purse").get(number=journal.source)).state != State.PAID:
        _demand_online(order)


def _demand_online(order: TopUpOrder) -> None:
    if order.state == State.LOADED:
        raise NotReversible(
            reason=_("the card may hold the value already. Write to the card once more, then refund it.")
        )
    if order.state == State.CONFIRMED and order.purse.kind == Purse.Kind.CHIP:
        raise NotReversible(reason=_("the value is on the chip, which gives nothing back. Refund the card."))
    if order.state != State.CONFIRMED:
        raise NotReversible(reason=_("it was given back already."))


def _give_topup_back(order: TopUpOrder, reversal: CounterReversal) -> None:
    order = locks.lock_order(order.pk)
    was_credited = order.state == State.CONFIRMED
    with step_to(State.REVERSED, IllegalOrderTransition):
        if was_credited:
            order.take_back()
        else:
            order.reverse()
    order.reversed_at = timezone.now()
    order.save()
    if was_credited:
        purse = locks.lock_purse(order.card_id, order.purse.kind)
        post_journal(
            key=f"topup-taken-back:{order.number}",
            kind="topup_taken_back",
            actor=reversal.maker,
            source=order.number,
            legs=postings.topup_taken_back(order=order, purse=purse),
            reason=reversal.reason,
        )
    return_money(order, actor=reversal.maker, reason=reversal.reason)


def _take_card_back(card: Card, reversal: CounterReversal) -> None:
    """The deposit goes back as whenever a card is closed, and the price besides."""
    now = timezone.now()
    card = close_card(card=card, actor=reversal.maker, reason=reversal.reason, occurred_at=now)
    if legs := postings.sale_reversed(card=card, occurred_at=now):
        post_journal(
            key=f"sale-reversed:{card.pan}",
            kind="sale_reversed",
            actor=reversal.maker,
            source=card.pan,
            legs=legs,
            reason=reversal.reason,
        )


def _audit(reversal: CounterReversal, action: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"reversal:{reversal.pk}",
        detail={"journal": reversal.entry.journal_id, "reason": reversal.reason},
    )
