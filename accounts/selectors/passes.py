"""What is known of passes: what is on sale, what a card holds, what ends soon."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import F, QuerySet

from accounts.models import Card, Pass, PassProduct


def pass_product(code: str, on: date) -> PassProduct | None:
    """The terms under which `code` is sold on a date; None before its first."""
    return PassProduct.objects.filter(code=code, valid_from__lte=on).order_by("-valid_from").first()


def passes_on_sale(on: date) -> QuerySet[PassProduct]:
    """What is sold on a date, one row per code."""
    dated = PassProduct.objects.filter(valid_from__lte=on).order_by("code", "-valid_from")
    return dated.distinct("code").select_related("operator")


def card_passes(card: Card) -> QuerySet[Pass]:
    """All passes of a card with their products: those that can be used first, each group by last day, newest first."""
    return Pass.objects.filter(card=card).select_related("product").order_by("state", "-ends_on", "-pk")


def passes_ending_within(days: int, on: date) -> QuerySet[Pass]:
    """Valid passes whose last day is `on` or up to `days` later, soonest first: whom to remind, with card and product."""
    ending = Pass.objects.filter(state=Pass.State.ACTIVE, ends_on__range=(on, on + timedelta(days=days)))
    return ending.select_related("product", "card").order_by(
        "ends_on", F("rides_left").desc(nulls_last=True), "pk"
    )
