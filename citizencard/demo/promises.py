"""What the demo city's books promise to people besides the balances on chips."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import Card, Hold, Mandate, Pass, Purse, Refund, SubsidyBatch, TopUpOrder
from accounts.selectors.refund_quote import quote_refund


def promises() -> list[tuple[StrOrPromise, int, int]]:
    """What the books hold of each kind: its name, how many, how much in fen."""
    waiting = TopUpOrder.objects.filter(state__in=[TopUpOrder.State.PAID, TopUpOrder.State.LOADED])
    online = Purse.objects.filter(kind=Purse.Kind.ACCOUNT).exclude(card__state=Card.State.BLANK)
    kinds: list[tuple[StrOrPromise, QuerySet[Any], str]] = [
        (_("online purses"), online, "balance_fen"),
        (_("reserved"), Hold.objects.filter(state=Hold.State.RESERVED), "amount_fen"),
        (_("paid, waiting for the card"), waiting, "amount_fen"),
        (_("running passes"), Pass.objects.filter(state=Pass.State.ACTIVE), "unused_fen"),
        (_("automatic top-ups"), Mandate.objects.filter(state=Mandate.State.ACTIVE), "amount_fen"),
        (_("subsidies paid"), SubsidyBatch.objects.filter(state=SubsidyBatch.State.APPROVED), "total_fen"),
        (
            _("subsidies to approve"),
            SubsidyBatch.objects.filter(state=SubsidyBatch.State.UPLOADED),
            "total_fen",
        ),
    ]
    rows = [(label, rows.count(), rows.aggregate(sum=Sum(field))["sum"] or 0) for label, rows, field in kinds]
    refunds = Refund.objects.filter(state__in=Refund.BLOCKING).select_related("card")
    owed_fen = sum(quote_refund(card=refund.card, on=timezone.localdate()).payable_fen for refund in refunds)
    return [*rows, (_("refunds under way"), len(refunds), owed_fen)]
