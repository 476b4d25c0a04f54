"""What agents owe, beside what they may owe."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, TypedDict

from django.db.models import BigIntegerField, DateField, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django_stubs_ext import WithAnnotations

from accounts.models import Agent, Closing, Tally

NEAR_PERCENT: Final = 80
"""From this part of the credit limit on somebody should ask the agent for money."""


class Debt(TypedDict):
    """What is known of an agent beside its row, in fen."""

    owed_fen: int


def agents_with_debt() -> QuerySet[WithAnnotations[Agent, Debt]]:
    """Agents, each with `owed_fen`: its closing balance and the tallies since. One query."""
    closings = Closing.objects.filter(account_id=OuterRef("account_id")).order_by("-business_date")
    tallies = Tally.objects.filter(
        account_id=OuterRef("account_id"), business_date__gt=OuterRef("closed_on")
    ).values("account_id")
    return Agent.objects.annotate(
        closed_on=Coalesce(
            Subquery(closings.values("business_date")[:1]), Value(date.min), output_field=DateField()
        ),
        owed_fen=_net(closings.annotate(net=F("debit_fen") - F("credit_fen"))[:1])
        + _net(tallies.annotate(net=Sum(F("debit_fen") - F("credit_fen")))),
    )


def agents_near_limit() -> QuerySet[WithAnnotations[Agent, Debt]]:
    """Active agents that owe most of what they may owe, the nearest to their limit first."""
    near = agents_with_debt().filter(active=True, owed_fen__gt=0)
    return near.filter(owed_fen__gte=F("credit_limit_fen") * NEAR_PERCENT / 100).order_by(
        F("credit_limit_fen") - F("owed_fen"), "code"
    )


def _net(rows: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(rows.values("net"), output_field=BigIntegerField()), Value(0))
