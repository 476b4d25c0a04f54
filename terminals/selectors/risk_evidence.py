"""The evidence of an alert, looked up where it stands: its facts are ids only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from accounts.models import PaymentRefund, Refund, RiskAlert, TopUpOrder
from terminals.models import Refusal, Tap, Terminal


@dataclass(frozen=True, slots=True)
class TapSeen:
    """A tap and the code of the terminal that took it."""

    tap: Tap
    terminal: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an alert goes by, each kind in the order of its ids."""

    taps: tuple[TapSeen, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    orders: tuple[TopUpOrder, ...] = ()
    refunds: tuple[Refund, ...] = ()
    payment_refunds: tuple[PaymentRefund, ...] = ()


def evidence_of(alert: RiskAlert) -> Evidence:
    """What is behind an alert; a number of queries that does not grow with it."""
    kept = alert.facts["evidence"]
    taps = list(Tap.objects.filter(pk__in=_keys(kept.get("taps"))).order_by("occurred_at", "id"))
    codes = dict(Terminal.objects.filter(pk__in={tap.terminal_id for tap in taps}).values_list("pk", "code"))
    return Evidence(
        taps=tuple(TapSeen(tap, codes.get(tap.terminal_id, "–")) for tap in taps),
        refusals=tuple(Refusal.objects.filter(pk__in=_keys(kept.get("refusals"))).order_by("id")),
        orders=tuple(TopUpOrder.objects.filter(pk__in=kept.get("orders", ())).order_by("pk")),
        refunds=tuple(Refund.objects.filter(pk__in=kept.get("refunds", ())).order_by("pk")),
        payment_refunds=tuple(
            PaymentRefund.objects.filter(pk__in=kept.get("payment_refunds", ())).order_by("pk")
        ),
    )


def _keys(pairs: Sequence[Sequence[object]] | None) -> list[tuple[date, int]]:
    return [(date.fromisoformat(str(day)), int(str(pk))) for day, pk in pairs or ()]
