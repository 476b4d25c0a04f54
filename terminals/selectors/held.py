"""Everything that waits in suspense: whose it is to decide, since when, what speaks for what, and what would be usual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from accounts.models import Transfer
from citizencard.core.calendar import shanghai
from terminals.models import (
    AcceptancePolicy,
    HeldKind,
    HotListEntry,
    ListApplied,
    Tap,
    Tariff,
    WaitingPurchase,
)
from terminals.selectors.tariffs import ceiling_of

BUCKETS: Final = (1, 3, 7, 30)
"""Days after which something that waits is in the next bucket."""
Cause = WaitingPurchase.Cause


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """What is known of something that waits. `tap` is None for grey records and rides.

    `other` is the purchase that used the counter first; `entry` and `applied_at` tell when the card was listed and when the
    terminal applied a list with it; `terms` is the acceptance policy of the purchase's date; `price_fen` the most that the
    terminal's tariff of that date comes to, None where it has no bound. `usual_fen` is what the merchant would usually get.
    """

    tap: Tap | None
    other: Tap | None
    entry: HotListEntry | None
    applied_at: datetime | None
    terms: AcceptancePolicy | None
    price_fen: int | None
    usual_fen: int


def waiting_purchases() -> QuerySet[WaitingPurchase]:
    """All that waits, what has waited longest first."""
    rows = WaitingPurchase.objects.select_related("terminal", "merchant", "card", "proposal")
    return rows.order_by("since", "key")


def age_days(waiting: WaitingPurchase, now: datetime) -> int:
    """Whole days that it has waited."""
    return max((now - waiting.since).days, 0)


def bucket_of(days: int) -> int:
    """The largest of BUCKETS that `days` have reached; 0 on the first day."""
    return max((each for each in BUCKETS if days >= each), default=0)


def facts_of(waiting: WaitingPurchase) -> HeldFacts:
    """What is known of it."""
    day = shanghai(waiting.occurred_at).date()
    tap = _tap(waiting)
    entry = _entry(waiting) if waiting.cause == Cause.HOT_LISTED else None
    tariffs = Tariff.objects.filter(code=waiting.terminal.tariff_code, valid_from__lte=day)
    tariff = tariffs.order_by("-valid_from").first()
    price_fen = ceiling_of(tariff.pk) if tariff else None
    terms = AcceptancePolicy.objects.filter(channel=waiting.merchant.channel, valid_from__lte=day)
    return HeldFacts(
        tap=tap,
        other=_other(tap) if tap and waiting.cause == Cause.COUNTER_CONFLICT else None,
        entry=entry,
        applied_at=_applied_at(entry, waiting) if entry else None,
        terms=terms.order_by("-valid_from").first(),
        price_fen=price_fen,
        usual_fen=_usual_fen(waiting, price_fen),
    )


def _usual_fen(waiting: WaitingPurchase, price_fen: int | None) -> int:
    """What is proved and only dear is paid as far as it can be right; what is not proved, or too late, is not."""
    if waiting.cause == Cause.OVER_PRICE:
        return waiting.amount_fen if price_fen is None else min(waiting.amount_fen, price_fen)
    return waiting.amount_fen if waiting.cause == Cause.OVER_LIMIT else 0


def _tap(waiting: WaitingPurchase) -> Tap | None:
    taps = Tap.objects.filter(business_date=waiting.business_date)
    if waiting.what == HeldKind.PURCHASE:
        return taps.get(id=waiting.subject_id)
    claims = Transfer.objects.filter(
        business_date=waiting.business_date,
        id=waiting.subject_id,
        kind__in=[Transfer.Kind.PURCHASE_CLAIM, Transfer.Kind.PURCHASE_HELD],
    )
    return taps.filter(id__in=claims.values("source_id")).first()


def _other(tap: Tap) -> Tap | None:
    paid = Tap.objects.filter(card_id=tap.card_id, atc=tap.atc)
    return paid.exclude(outcome__in=[Tap.Outcome.COUNTER_CONFLICT, Tap.Outcome.KEY_UNUSABLE]).first()


def _entry(waiting: WaitingPurchase) -> HotListEntry | None:
    listed = HotListEntry.objects.filter(pan=waiting.card.pan, effective_at__lte=waiting.occurred_at)
    return listed.order_by("-effective_at").first()


def _applied_at(entry: HotListEntry, waiting: WaitingPurchase) -> datetime | None:
    change = entry.changes.exclude(effective_at=None).exclude(version=None).order_by("version").first()
    if change is None:
        return None
    applied = ListApplied.objects.filter(terminal=waiting.terminal, version__gte=change.version_id)
    return applied.order_by("applied_at").values_list("applied_at", flat=True).first()
