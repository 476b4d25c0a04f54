"""What the system knows by itself about a disputed charge: gathered once, at the opening, as figures and codes.

No names, and nothing that is sealed elsewhere: the words are made where somebody reads it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from accounts.models import Card, TopUpOrder
from settlement.selectors.dispute_charges import Charge, What
from terminals.models import Batch, FareCharge, HotListEntry, ListApplied, Tap, Terminal

ALIKE: Final = timedelta(minutes=30)
"""Purchases of one card with one merchant over the same amount, no further apart, look like one that was charged twice."""


def gather(card: Card, charge: Charge) -> dict[str, Any]:
    """The facts, as JSON. Times are ISO 8601, amounts fen; what is not known is not there. A fixed number of queries."""
    found: dict[str, Any] = {"card_state": card.state}
    if charge.tap is not None:
        found |= _of_tap(card, charge.tap)
    elif charge.what == What.TOP_UP:
        found |= _of_top_up(TopUpOrder.objects.get(pk=charge.source_id))
    return found


def _of_tap(card: Card, tap: Tap) -> dict[str, Any]:
    """The record, its terminal and batch; the records beside it on the card; the list, and what the fare comes to."""
    terminal = Terminal.objects.get(pk=tap.terminal_id)
    batch = Batch.objects.get(pk=tap.batch_id)
    taps = Tap.objects.filter(card_id=card.pk)
    alike = taps.filter(
        merchant_id=tap.merchant_id,
        amount_fen=tap.amount_fen,
        occurred_at__range=(tap.occurred_at - ALIKE, tap.occurred_at + ALIKE),
    ).exclude(id=tap.id)
    known = {
        "tac": "right",
        "counter": tap.atc,
        "terminal": terminal.code,
        "terminal_no": terminal.terminal_no,
        "terminal_seq": tap.terminal_seq,
        "terminal_state": terminal.state,
        "drift_ms": terminal.drift_ms,
        "batch": batch.number,
        "online": batch.online,
        "received_at": tap.received_at.isoformat(),
        "balance_after_fen": tap.balance_fen,
        "before": _beside(taps.filter(occurred_at__lt=tap.occurred_at).order_by("-occurred_at")),
        "after": _beside(taps.filter(occurred_at__gt=tap.occurred_at).order_by("occurred_at")),
        "alike": [_line(each) for each in alike.order_by("occurred_at")[:5]],
    }
    return known | _of_list(card, terminal, tap.occurred_at) | _of_fare(card, tap)


def _of_list(card: Card, terminal: Terminal, at: datetime) -> dict[str, Any]:
    """Which list the terminal applied then, and whether the card had been reported."""
    applied = ListApplied.objects.filter(terminal=terminal, applied_at__lte=at).order_by("-id").first()
    reported = HotListEntry.objects.filter(pan=card.pan, removed_at=None).order_by("-effective_at").first()
    known = {"list_version": applied.version} if applied else {}
    return known | ({"reported_at": reported.effective_at.isoformat()} if reported else {})


def _of_fare(card: Card, tap: Tap) -> dict[str, Any]:
    """By the published fares, in the newest version."""
    fares = FareCharge.objects.filter(business_date=tap.business_date, card_id=card.pk, atc=tap.atc)
    fare = fares.order_by("-version").first()
    if fare is None:
        return {}
    known = {"fare_due_fen": fare.due_fen, "fare_version": fare.version, "fare_tariff": fare.tariff}
    return known | ({"fare_how": fare.how} if fare.how else {})


def _of_top_up(order: TopUpOrder) -> dict[str, Any]:
    """How it was paid, and by what it is proved to have arrived."""
    known: dict[str, Any] = {
        "order": order.number,
        "channel": order.channel,
        "proof": order.proof,
        "paid_at": order.paid_at,
        "confirmed_at": order.confirmed_at,
        "counter": order.online_atc,
        "balance_before_fen": order.balance_before_fen,
        "terminal_no": order.terminal_no or None,
    }
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in known.items()
        if value is not None
    }


def _beside(taps: QuerySet[Tap]) -> dict[str, Any] | None:
    tap = taps.first()
    return None if tap is None else _line(tap)


def _line(tap: Tap) -> dict[str, Any]:
    return {
        "counter": tap.atc,
        "amount_fen": tap.amount_fen,
        "balance_after_fen": tap.balance_fen,
        "occurred_at": tap.occurred_at.isoformat(),
        "terminal": Terminal.objects.values_list("code", flat=True).get(pk=tap.terminal_id),
    }
