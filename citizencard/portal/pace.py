"""How often a citizen may ask for something that costs others work: the payment gateway, or who decides disputes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Citizen, Mandate, TopUpOrder
from citizencard.core.errors import CitizenCardError
from settlement.models import Dispute

ASKED_MAX: Final = 10
WITHIN: Final = timedelta(minutes=10)


class AskedTooOften(CitizenCardError):
    """So many new orders, mandates or disputes in a short time are no citizen's: data `minutes` to wait."""

    code = "asked_too_often"
    status = 429
    message = _("That is too many requests at once. Please try again in %(minutes)s minutes.")


def check_orders(citizen: Citizen, *, request_key: str, now: datetime) -> None:
    """Raise AskedTooOften if the citizen has just made many orders; one sent twice counts once."""
    own = Q(payer=citizen) | Q(card__citizen=citizen, payer=None)
    made = TopUpOrder.objects.filter(own, channel=TopUpOrder.Channel.GATEWAY, received_at__gte=now - WITHIN)
    _check(made.exclude(request_key=request_key).count())


def check_mandates(citizen: Citizen, *, now: datetime) -> None:
    """Raise AskedTooOften if the citizen has just asked for many mandates."""
    _check(Mandate.objects.filter(citizen=citizen, requested_at__gte=now - WITHIN).count())


def check_disputes(citizen: Citizen, *, now: datetime) -> None:
    """Raise AskedTooOften if the citizen has just opened many disputes."""
    _check(Dispute.objects.filter(charge__card__citizen=citizen, opened_at__gte=now - WITHIN).count())


def _check(asked: int) -> None:
    if asked >= ASKED_MAX:
        raise AskedTooOften(minutes=int(WITHIN.total_seconds() // 60))
