"""Disputes under way, by their clock; and the policy of a day."""

from __future__ import annotations

from datetime import date

from django.db.models import QuerySet

from settlement.models import Dispute, DisputePolicy


def dispute_policy(kind: str, on: date) -> DisputePolicy | None:
    """The policy by which a dispute of a kind, opened on a day, is decided."""
    return DisputePolicy.objects.filter(kind=kind, valid_from__lte=on).order_by("-valid_from").first()


def kinds_on(on: date) -> set[str]:
    """The kinds of dispute for which a policy is in force."""
    return set(DisputePolicy.objects.filter(valid_from__lte=on).values_list("kind", flat=True))


def under_way() -> QuerySet[Dispute]:
    """What is not over, the most urgent first."""
    waiting = Dispute.objects.filter(closed_at=None).select_related("charge__card", "merchant", "policy")
    return waiting.order_by("due_on", "pk")


def overdue(on: date) -> QuerySet[Dispute]:
    """Whose day was over before `on`."""
    return under_way().filter(due_on__lt=on)


def days_left(dispute: Dispute, on: date) -> int | None:
    """Days until the present step is due, below zero when it is overdue; None for what is over."""
    return None if dispute.due_on is None else (dispute.due_on - on).days
