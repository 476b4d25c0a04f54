"""All rides of a card over a time, in whatever order they came in: every charge, and what earlier charges must become.

Give every ride since the beginning of the longest period a cap counts (the month) and the longest transfer before it; then
a late ride repairs caps, transfers and inferred journeys of all the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from terminals.fares.bodies import Cap
from terminals.fares.book import Book
from terminals.fares.charge import Charge, Inputs, Previous
from terminals.fares.errors import RideError
from terminals.fares.fields import Fields
from terminals.fares.holder import ANONYMOUS, Holder
from terminals.fares.periods import period_start, service_day
from terminals.fares.pricing import caps_of, price_ride
from terminals.fares.rides import Ride
from terminals.fares.trips import Claim, completions


@dataclass(frozen=True, slots=True)
class Correction:
    """A charge that came out otherwise: the holder gets `before_fen - charge.amount_fen` back, or owes it if negative."""

    charge: Charge
    before_fen: int

    @property
    def refund_fen(self) -> int:
        """What goes back to the card's holder."""
        return self.before_fen - self.charge.amount_fen


def price_rides(
    rides: Iterable[Ride], book: Book, holder: Holder = ANONYMOUS, claims: Iterable[Claim] = ()
) -> list[Charge]:
    """The charge of every ride of one card, in the order of the rides. The same ride twice counts once.

    Raises RideError when one id stands for two rides, FareError when a ride has no fare.
    """
    ordered = _ordered(rides)
    known = completions(ordered, claims, book)
    spent: Counter[tuple[str, date]] = Counter()
    charges = []
    for place, ride in enumerate(ordered):
        standing = holder.on(ride.day)
        caps = caps_of(ride, standing.categories, book)
        counted = {document.id: (document.id, _period(ride, cap)) for document, cap in caps}
        inputs = Inputs(
            ride=ride,
            standing=standing,
            previous=previous_of(ride, ordered[:place], book),
            spent_fen={cap: spent[key] for cap, key in counted.items()},
            completion=known.get(ride.id),
        )
        charge = price_ride(inputs, book)
        for key in counted.values():
            spent[key] += charge.amount_fen
        charges.append(charge)
    return charges


def corrections(before_fen: Mapping[str, int], charges: Iterable[Charge]) -> list[Correction]:
    """What must change of charges made before (by ride id), against those worked out now; new rides are no corrections.

    Raises RideError for a charge whose ride is not there: nothing may be decided about it.
    """
    now = {charge.ride.id: charge for charge in charges}
    if lost := sorted(before_fen.keys() - now):
        raise RideError(f"ride {lost[0]} was charged, but is not among the rides")
    return [
        Correction(charge, before_fen[ride])
        for ride, charge in now.items()
        if ride in before_fen and before_fen[ride] != charge.amount_fen
    ]


def recompute(derivation: object, book: Book) -> Charge:
    """Work a charge out again from what its derivation says went in. Raises DocumentError, FareError."""
    return price_ride(Inputs.from_json(Fields(derivation, "").raw("inputs")), book)


def _ordered(rides: Iterable[Ride]) -> list[Ride]:
    known: dict[str, Ride] = {}
    for ride in rides:
        if known.setdefault(ride.id, ride) != ride:
            raise RideError(f"ride {ride.id} is told in two ways")
    return sorted(known.values(), key=lambda ride: ride.order)


def previous_of(ride: Ride, before: Sequence[Ride], book: Book) -> dict[str, Previous]:
    """For each transfer rule that reaches this ride, the latest ride it may follow; `before` oldest first."""
    found = {}
    for document, rule in book.transfers(ride.day):
        last = next((item for item in reversed(before) if item.tariff in rule.from_tariffs), None)
        if last and ride.tariff in rule.to_tariffs and last.last + rule.within >= ride.start:
            found[document.id] = Previous(last.id, last.line, last.last)
    return found


def _period(ride: Ride, cap: Cap) -> date:
    """The beginning of the time a cap counts a ride in."""
    return period_start(cap.period, service_day(ride.start, cap.starts))
