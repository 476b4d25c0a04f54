"""Disputes under way, by their clock; and the policy of a day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from accounts.models import Card, Citizen
from settlement.models import Dispute, DisputePolicy


def dispute_policy(kind: str, on: date) -> DisputePolicy | None:
    """The policy by which a dispute of a kind, opened on a day, is decided."""
    return DisputePolicy.objects.filter(kind=kind, valid_from__lte=on).order_by("-valid_from").first()


def policies_on(on: date, kinds: Collection[str]) -> list[DisputePolicy]:
    """The policies in force on a day, in the order of `kinds`; a kind without one is left out."""
    found = DisputePolicy.objects.filter(valid_from__lte=on, kind__in=kinds).order_by("valid_from")
    newest = {policy.kind: policy for policy in found}
    return [newest[kind] for kind in kinds if kind in newest]


def disputes_of_citizen(citizen: Citizen) -> QuerySet[Dispute]:
    """All of a citizen's disputes, the newest first."""
    own = Dispute.objects.filter(charge__card__citizen=citizen)
    return own.select_related("charge__card", "charge__order__purse", "merchant", "policy").order_by("-pk")


@dataclass(frozen=True, slots=True)
class Known:
    """A card's disputes: their numbers by charge (what, number of the charge), and the orders by which they were credited."""

    numbers: Mapping[tuple[str, int], str]
    credits: frozenset[int]


def disputes_of_card(card: Card) -> Known:
    """What statements of a card have to know of its disputes. One query."""
    rows = list(
        Dispute.objects.filter(charge__card=card).values_list(
            "charge__what", "charge__source_id", "number", "charge__order_id"
        )
    )
    return Known(
        {(what, source): number for what, source, number, _order in rows},
        frozenset(order for *_charge, order in rows if order is not None),
    )


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
