"""What a desk needs to know while a card is issued: which applications are open, what may be issued to whom."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Card, CardProduct, Citizen, IssueApplication


def open_applications(clerk: str) -> QuerySet[IssueApplication]:
    """What a clerk has begun and not ended, newest first."""
    mine = IssueApplication.objects.filter(clerk=clerk, ended_at=None)
    return mine.select_related("product", "hall", "card", "replaces").order_by("-began_at")


def card_in_the_way(citizen: Citizen, product: CardProduct, replacing: Card | None = None) -> Card | None:
    """The live card of the product because of which this person gets no other one, but for the one that is replaced.

    One that was made for them and lies in stock is no hindrance: it is the one to hand out.
    """
    live = citizen.cards.filter(product=product, state__in=Card.LIVE).select_related("product")
    live = live.exclude(pk__in=[replacing.pk] if replacing else [])
    return live.exclude(state=Card.State.BLANK, stock_item__isnull=False).first()


def products_on_sale() -> QuerySet[CardProduct]:
    """What a counter sells: real-name cards first."""
    return CardProduct.objects.filter(~Q(test_only=True)).order_by("-real_name", "code")
