"""What stands against erasing a person, and what to do about it."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import (
    Card,
    Citizen,
    Compensation,
    DisputedCharge,
    IssueApplication,
    Mandate,
    PersonChange,
    Purse,
    Refund,
    RefundPart,
    Replacement,
    TopUpOrder,
)
from citizencard.core.masks import mask_card

_OVER = (Card.State.CLOSED, Card.State.REPLACED)
_UNPAID = (*Refund.BLOCKING, Refund.State.APPROVED, Refund.State.FAILED)


def what_blocks_erasure(citizen: Citizen) -> list[str]:
    """Sentences in the reader's language, each with what to do first; none where nothing is under way."""
    cards = Card.objects.filter(Q(citizen=citizen) | Q(citizen__merged_into=citizen))
    found = [
        _("Card %(card)s is in use: have it closed and its money paid out.") % {"card": mask_card(card.pan)}
        for card in cards.exclude(state__in=_OVER).order_by("pk")
    ]
    money = Purse.objects.filter(card__in=cards).exclude(balance_fen=0, held_fen=0).select_related("card")
    found += [
        _("There is money on card %(card)s: ask for a refund.") % {"card": mask_card(purse.card.pan)}
        for purse in money.order_by("pk")
    ]
    waiting = (
        (
            Refund.objects.filter(card__in=cards, state__in=_UNPAID),
            _("A refund is under way: wait until it is paid."),
        ),
        (
            IssueApplication.objects.filter(citizen=citizen, state__in=IssueApplication.OPEN),
            _("A card is being issued: finish that or cancel it."),
        ),
        (
            PersonChange.objects.filter(citizen=citizen, state=PersonChange.State.PROPOSED),
            _("Something is reported of the person: it is decided on first."),
        ),
        (
            RefundPart.objects.filter(refund__card__in=cards, state=RefundPart.State.WAITING),
            _("A refund is under way: wait until it is paid."),
        ),
        (
            TopUpOrder.objects.filter(
                Q(card__in=cards) | Q(payer=citizen),
                state__in=(TopUpOrder.State.PAID, TopUpOrder.State.LOADED),
            ),
            _("A top-up is under way: hold the card to a reader, or wait."),
        ),
        (
            Replacement.objects.filter(old__in=cards, state=Replacement.State.WAITING),
            _("The money of a replaced card is on its way: wait until it has arrived."),
        ),
        (
            DisputedCharge.objects.filter(card__in=cards, state=DisputedCharge.State.OPEN),
            _("A dispute is open: wait until it is decided."),
        ),
        (
            Compensation.objects.filter(card__in=cards, state=Compensation.State.OWED),
            _("A compensation is owed: have it paid out."),
        ),
        (
            Mandate.objects.filter(citizen=citizen).exclude(state=Mandate.State.STOPPED),
            _("Automatic top-up is on: switch it off."),
        ),
    )
    found += [sentence for rows, sentence in waiting if rows.exists()]
    return list(dict.fromkeys(found))
