"""Rides that show what a book of documents means: a few for each tariff, for the people its concessions know, alone and changing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from terminals.card.crypto import CHINA
from terminals.fares.book import Book
from terminals.fares.charge import Charge
from terminals.fares.errors import FareError
from terminals.fares.holder import Entitlement, Holder
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import EnteredAmount, TimeFare
from terminals.fares.metered import MeteredFare
from terminals.fares.period import price_rides
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule

_TEN: Final = time(10)
_NIGHT: Final = time(23, 30)
_CHANGE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Sample:
    """A ride of somebody of these categories; `after` is the tariff changed from ten minutes before, if any."""

    ride: Ride
    categories: tuple[str, ...] = ()
    after: str = ""


def samples(book: Book, tariff: str, day: date) -> list[Sample]:
    """The sample rides of a tariff on a day; none where it is not in force."""
    try:
        _document, rule = book.tariff(tariff, day)
    except FareError:
        return []
    rides = [
        replace(ride, id=f"sample-{number}", tariff=tariff) for number, ride in enumerate(_rides(rule, day))
    ]
    people: list[tuple[str, ...]] = [(), *((category,) for category in _categories(book, tariff, day))]
    found = [Sample(ride, categories) for ride in rides for categories in people]
    return found + [Sample(rides[0], after=before) for before in _changed_from(book, tariff, day) if rides]


def price_sample(sample: Sample, book: Book) -> Charge | None:
    """What a sample costs by a book; None where it has no fare."""
    ride = sample.ride
    holder = Holder(entitlements=tuple(Entitlement(each, date.min) for each in sample.categories))
    try:
        return next(
            charge for charge in price_rides(_with_before(sample, book), book, holder) if charge.ride == ride
        )
    except FareError:
        return None


def _with_before(sample: Sample, book: Book) -> list[Ride]:
    """The ride, and the one changed from: whole, and over ten minutes before."""
    if not sample.after:
        return [sample.ride]
    start = sample.ride.start
    first = samples(book, sample.after, sample.ride.day)
    if not first:
        return [sample.ride]
    length = first[0].ride.last - first[0].ride.start
    begun = start - _CHANGE - length
    end = begun + length if first[0].ride.end else None
    return [replace(first[0].ride, id="before", line="before", start=begun, end=end), replace(sample.ride)]


def _rides(rule: TariffRule, day: date) -> Iterator[Ride]:
    start = datetime.combine(day, _TEN, CHINA)
    ride = Ride("", "", start)
    match rule:
        case PairFare():
            yield from (_journey(ride, *pair) for pair in _spread(_pairs(rule)))
        case SectionFare():
            stops = sorted(rule.sections, key=lambda stop: (rule.sections[stop], stop))
            yield from (_journey(ride, *ends) for ends in ((stops[0], stops[0]), (stops[0], stops[-1])))
        case TimeFare():
            yield from (replace(ride, end=start + timedelta(hours=hours)) for hours in (1, 5, 24))
        case MeteredFare():
            yield from (replace(ride, metres=metres) for metres in (3_000, 10_000))
            yield replace(ride, metres=10_000, start=datetime.combine(day, _NIGHT, CHINA))
        case EnteredAmount():
            yield replace(ride, amount_fen=min(rule.max_fen, 1_000))
        case _:
            yield ride


def _journey(ride: Ride, entry: str, leaving: str) -> Ride:
    return replace(ride, entry=entry, leaving=leaving, end=ride.start + timedelta(minutes=20))


def _pairs(rule: PairFare) -> list[tuple[str, str]]:
    """Pairs of two stations, cheapest first."""
    pairs = [sorted(pair) for pair in rule.fares if len(pair) == 2]
    priced = sorted((rule.fare_fen(entry, leaving), entry, leaving) for entry, leaving in pairs)
    return [(entry, leaving) for _fare, entry, leaving in priced]


def _spread(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cheapest, the middle and the dearest."""
    places = sorted({0, len(pairs) // 2, len(pairs) - 1}) if pairs else []
    return [pairs[place] for place in places]


def _categories(book: Book, tariff: str, day: date) -> list[str]:
    found = {
        category
        for _document, rule in book.concessions(day)
        if tariff in rule.tariffs
        for category in rule.categories
    }
    return sorted(found)


def _changed_from(book: Book, tariff: str, day: date) -> list[str]:
    found = {
        before
        for _document, rule in book.transfers(day)
        if tariff in rule.to_tariffs
        for before in rule.from_tariffs
    }
    return sorted(found)
