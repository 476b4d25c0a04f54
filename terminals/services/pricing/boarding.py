"""Rides that were tapped on a pass are taken from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from accounts.models import PassProduct
from accounts.services.pass_rides import RideTaken, take_rides
from citizencard.core.calendar import shanghai
from terminals.fares.book import Book
from terminals.models import Merchant
from terminals.services.pricing.judge import Version

ACTOR: Final = "fares"


def book_passes(*, versions: Sequence[Version], book: Book, key: str) -> int:
    """Of rides that cost the chip nothing, those that a pass stands for; how many were booked.

    A pass that counts days has made the fare nothing by a rule of its own. One that counts rides has not: the ride is due,
    the terminal let it through, and the pass pays for it. Whoever rides free by another right keeps the pass's rides.
    """
    codes = frozenset(PassProduct.objects.values_list("code", flat=True))
    rules: dict[date, frozenset[str]] = {}
    riding = []
    for each in versions:
        if not each.is_let_through:
            continue
        day = shanghai(each.ride_at).date()
        if day not in rules:
            rules[day] = _pass_rules(book, day, codes)
        if each.due_fen or not rules[day].isdisjoint(each.rules):
            riding.append(each)
    if not riding:
        return 0
    merchants = Merchant.objects.in_bulk({each.merchant_id for each in riding})
    rides = [_ride(each, merchants[each.merchant_id]) for each in riding]
    return take_rides(rides=rides, key=key, actor=ACTOR)


def _pass_rules(book: Book, day: date, codes: frozenset[str]) -> frozenset[str]:
    """The concessions that are given for passes."""
    return frozenset(
        document.id for document, rule in book.concessions(day) if not codes.isdisjoint(rule.categories)
    )


def _ride(each: Version, merchant: Merchant) -> RideTaken:
    return RideTaken(
        card_id=each.card_id,
        channel=merchant.channel,
        payee_id=merchant.payable_id,
        fare_fen=each.full_fen,
        key=f"ride:{each.card_id}-{each.atc}",
        used_at=each.ride_at,
    )
