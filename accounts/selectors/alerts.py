"""Alerts as the refund guard and the work lists look for them."""

from __future__ import annotations

from datetime import date

from django.db.models import QuerySet

from accounts.models import Card, CardFlag, RiskAlert, RiskParameters


def parameters_in_force(rule: str, on: date) -> RiskParameters | None:
    """The parameters by which a rule looks at a date; None: it does not look."""
    return RiskParameters.objects.filter(rule=rule, valid_from__lte=on).order_by("-valid_from").first()


def open_alerts() -> QuerySet[RiskAlert]:
    """What waits for a review, the most urgent first."""
    waiting = RiskAlert.objects.filter(state=RiskAlert.State.OPEN).select_related("card", "parameters")
    return waiting.order_by("review_by", "pk")


def alerts_against_payout(card: Card) -> QuerySet[RiskAlert]:
    """Open alerts of a card whose parameters have a payout wait for the review."""
    return open_alerts().filter(card=card, parameters__blocks_payout=True)


def is_suspected(card: Card) -> bool:
    """Whether anything stands against paying money out to the card's holder that people have yet to look at, or have confirmed."""
    return card.flags.filter(cleared_at=None).exists() or alerts_against_payout(card).exists()


def alert_of(flag: CardFlag) -> RiskAlert | None:
    """The alert whose confirmation raised a flag; None for a flag that has another ground."""
    return RiskAlert.objects.select_related("parameters").filter(pk=flag.evidence.get("alert")).first()
