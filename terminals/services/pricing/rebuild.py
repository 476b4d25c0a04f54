"""A card's rides from its taps: entries find their exits, second taps in one vehicle are told apart. Pure.

The counter of the chip orders taps; clocks may differ. An exit says what the card carried; where it carried nothing, the card's
last open entry on the same tariff is it. An entry that nothing follows is no ride until a day has passed: its exit may come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import EnteredAmount, FlatFare, FreeFare, TimeFare
from terminals.fares.metered import MeteredFare
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule
from terminals.wire.errors import RecordError
from terminals.wire.trip import Trip

GUARD: Final = timedelta(seconds=30)
"""Two taps of a card in one vehicle this soon are one, unless at the same terminal: there its holder asked to pay again."""
OPEN: Final = timedelta(hours=24)
"""How long an entry waits for its exit."""
_CLOCKS: Final = timedelta(minutes=1)
"""How far an entry as the card carried it may be from the entry's own tap."""


class TapRow(NamedTuple):
    """A tap as the centre keeps it, with its terminal's tariff, place and line."""

    business_date: date
    card_id: int
    atc: int
    merchant_id: int
    terminal_id: int
    tariff: str
    site_id: int | None
    line: str
    occurred_at: datetime
    amount_fen: int
    trip: str


@dataclass(frozen=True, slots=True)
class CardRide:
    """A ride, the tap whose counter names it, and what the chip has paid for it; `double_of` the tap it repeats."""

    ride: Ride
    tap: TapRow
    charged_fen: int
    double_of: int | None = None


@dataclass(slots=True)
class Rebuilt:
    """Rides in the order of their taps, entries that are part of them (by counter), and taps without a fare by reason."""

    rides: list[CardRide] = field(default_factory=list)
    merged: dict[int, tuple[TapRow, int]] = field(default_factory=dict)
    faults: list[tuple[TapRow, str]] = field(default_factory=list)


RuleOf = Callable[[str, date], TariffRule | None]
"""The tariff's rule on a day, None where there is none."""


def rebuild(taps: Iterable[TapRow], rule_of: RuleOf, as_of: datetime) -> Rebuilt:
    """The rides of one card, as known at `as_of`."""
    found, waiting = Rebuilt(), dict[str, TapRow]()
    for tap in sorted(taps, key=lambda each: each.atc):
        try:
            trip = Trip.parse(tap.trip)
        except RecordError:  # kept before trips had a form
            trip = Trip()
        rule = rule_of(tap.tariff, (trip.since or tap.occurred_at).date())
        if rule is None:
            found.faults.append((tap, "no tariff"))
        elif not isinstance(rule, EnteredAmount):
            _take(found, waiting, tap, trip, rule)
    for tap in waiting.values():
        if as_of - tap.occurred_at >= OPEN:
            _alone(found, tap, rule_of)
    return found


def ride_id(card_id: int, atc: int) -> str:
    """The natural key of a ride."""
    return f"{card_id}-{atc}"


def _take(found: Rebuilt, waiting: dict[str, TapRow], tap: TapRow, trip: Trip, rule: TariffRule) -> None:
    journey = isinstance(rule, PairFare | SectionFare)
    match trip.kind:
        case "in" if journey or isinstance(rule, TimeFare):
            if (before := waiting.pop(tap.tariff, None)) and journey:
                _entry_only(found, before)
            waiting[tap.tariff] = tap
        case "out" if journey or isinstance(rule, TimeFare):
            _leave(found, waiting, tap, trip, journey=journey)
        case "meter" if isinstance(rule, MeteredFare):
            start = min(trip.since or tap.occurred_at, tap.occurred_at)
            ride = _ride(tap, trip, start, end=tap.occurred_at, metres=trip.metres, waiting_s=trip.waiting_s)
            found.rides.append(CardRide(ride, tap, tap.amount_fen))
        case "" if isinstance(rule, FlatFare | FreeFare):
            found.rides.append(
                CardRide(_ride(tap, trip, tap.occurred_at), tap, tap.amount_fen, _double(found, tap))
            )
        case _:
            found.faults.append((tap, f"trip {trip.kind or 'missing'}"))


def _leave(found: Rebuilt, waiting: dict[str, TapRow], tap: TapRow, trip: Trip, *, journey: bool) -> None:
    """An exit, with the entry that the card carried or that the centre knows of."""
    entry = waiting.get(tap.tariff)
    carried = trip.since is not None
    if entry is not None and _is_its_entry(entry, tap, trip):
        del waiting[tap.tariff]
    else:
        entry = None
    if not carried and entry is None and not journey:
        found.faults.append((tap, "stay without entry"))
        return
    origin = Trip.parse(entry.trip) if entry else trip
    start = trip.since or (entry.occurred_at if entry else tap.occurred_at)
    ride = _ride(
        tap,
        trip,
        min(start, tap.occurred_at),
        end=tap.occurred_at if carried or entry else None,
        entry=(trip.origin or (origin.stop if entry else "")) if journey else "",
        leaving=trip.stop if journey else "",
    )
    found.rides.append(CardRide(ride, tap, tap.amount_fen + (entry.amount_fen if entry else 0)))
    if entry is not None:
        found.merged[entry.atc] = entry, tap.atc


def _is_its_entry(entry: TapRow, tap: TapRow, trip: Trip) -> bool:
    """What the card carried is that entry's, or it carried none and the entry is not too long ago."""
    if trip.since is None:
        return timedelta() <= tap.occurred_at - entry.occurred_at < OPEN
    return abs(entry.occurred_at - trip.since) <= _CLOCKS


def _alone(found: Rebuilt, tap: TapRow, rule_of: RuleOf) -> None:
    if isinstance(rule_of(tap.tariff, tap.occurred_at.date()), PairFare | SectionFare):
        _entry_only(found, tap)


def _entry_only(found: Rebuilt, tap: TapRow) -> None:
    trip = Trip.parse(tap.trip)
    found.rides.append(CardRide(_ride(tap, trip, tap.occurred_at, entry=trip.stop), tap, tap.amount_fen))


def _ride(
    tap: TapRow,
    trip: Trip,
    start: datetime,
    *,
    end: datetime | None = None,
    entry: str = "",
    leaving: str = "",
    metres: int = 0,
    waiting_s: int = 0,
) -> Ride:
    return Ride(
        id=ride_id(tap.card_id, tap.atc),
        tariff=tap.tariff,
        start=start,
        line=trip.line or tap.line,
        end=end,
        entry=entry,
        leaving=leaving,
        metres=metres,
        waiting_s=waiting_s,
    )


def _double(found: Rebuilt, tap: TapRow) -> int | None:
    """The counter of the tap that this one repeats: just before, in the same vehicle, at another of its terminals."""
    last = found.rides[-1] if found.rides else None
    if last is None or last.double_of is not None or tap.site_id is None or last.tap.site_id != tap.site_id:
        return None
    soon = abs(tap.occurred_at - last.tap.occurred_at) <= GUARD
    return (
        last.tap.atc
        if soon and last.tap.terminal_id != tap.terminal_id and last.tap.tariff == tap.tariff
        else None
    )
