"""What the chip tells of the rides before: its trip records (EF1E), as far back as a fare may ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, Self

from terminals.card.crypto import CHINA
from terminals.card.errors import FormatError
from terminals.card.files import TripRecord
from terminals.fares.book import Book
from terminals.fares.errors import FareError
from terminals.fares.rides import Ride
from terminals.program.marks import Marks
from terminals.program.purchase import Card
from terminals.program.stops import stop_on_card

PURSUED: Final = timedelta(days=30)
"""An entry without an exit is charged no later than this: what is older the operator bears, not the holder."""


class TripKind(IntEnum):
    """Type byte of a trip record, purse rides only."""

    IN = 0x03
    OUT = 0x04
    SINGLE = 0x06


@dataclass(frozen=True, slots=True)
class History:
    """Trips of the card, newest first, as far as they were read."""

    trips: tuple[TripRecord, ...] = ()

    @classmethod
    def read(cls, card: Card, when: datetime, window: timedelta, industry: int | None) -> Self:
        """What happened within `window` before `when`, or before the ride begun in `industry`, if there is one.

        Each record costs a command at the reader, so no more are read. A record that is not readable ends it: it is some
        other city's, and no reason to turn a card away.
        """
        if not card.purse.profile.has_trips:
            return cls()
        return cls(tuple(_needed(card.purse.each_trip(), when, window, industry)))

    @property
    def newest(self) -> TripRecord | None:
        """The last thing that happened."""
        return self.trips[0] if self.trips else None

    def open_entry(self, industry: int) -> TripRecord | None:
        """The entry the card is still in, by the newest trip of an industry."""
        last = next((trip for trip in self.trips if trip.industry == industry), None)
        return last if last and last.kind == TripKind.IN else None

    def rides(self, marks: Marks, book: Book, before: datetime) -> list[Ride]:
        """Rides of known tariffs that ended before a moment, oldest first."""
        rides = (_ride(number, *pair, marks, book) for number, pair in enumerate(_paired(self.trips)))
        return sorted((ride for ride in rides if ride and ride.last <= before), key=lambda ride: ride.last)


def moment(trip: TripRecord) -> datetime:
    """When it was, with its offset."""
    return trip.when.replace(tzinfo=CHINA)


def _needed(
    trips: Iterator[TripRecord], when: datetime, window: timedelta, industry: int | None
) -> Iterator[TripRecord]:
    since, missing = when - window, industry is not None
    try:
        for trip in trips:
            at = moment(trip)
            if at < when - PURSUED or (at < since and not missing):
                return
            if missing and trip.industry == industry:
                since, missing = min(since, at - window), False
            yield trip
    except FormatError:
        return


def _paired(newest_first: Iterable[TripRecord]) -> Iterator[tuple[TripRecord | None, TripRecord]]:
    """An exit with its entry; an entry or exit that has no other, or a single ride, alone."""
    exits: dict[int, TripRecord] = {}
    for trip in newest_first:
        leaving = exits.pop(trip.industry, None) if trip.kind != TripKind.SINGLE else None
        if trip.kind == TripKind.OUT:
            exits[trip.industry] = trip
        if leaving is not None:
            paired = trip.kind == TripKind.IN and trip.when <= leaving.when
            yield trip if paired else None, leaving
            if paired:
                continue
        if trip.kind in (TripKind.IN, TripKind.SINGLE):
            yield None, trip
    for leaving in exits.values():
        yield None, leaving


def _ride(number: int, entry: TripRecord | None, last: TripRecord, marks: Marks, book: Book) -> Ride | None:
    """None for a ride of no tariff that is known here and holds on that day: it tells nothing."""
    if (known := marks.ridden(last)) is None:
        return None
    begun = moment(entry or last)
    try:
        _, rule = book.tariff(known[0], begun.date())
    except FareError:
        return None
    out = last.kind == TripKind.OUT
    boarded = entry or (None if out else last)
    return Ride(
        id=f"card-{number}",
        tariff=known[0],
        start=begun,
        line=known[1],
        end=moment(last) if out else None,
        entry=stop_on_card(rule, boarded, marks) if boarded else "",
        leaving=stop_on_card(rule, last, marks) if out else "",
    )
