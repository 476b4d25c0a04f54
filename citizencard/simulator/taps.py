"""From visits to taps: which terminal and how much, one tap after another for each card."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final, Self

import numpy as np

from citizencard.simulator.chance import Chance, Ints, ranks
from citizencard.simulator.habits import BY_METRO, PRICES_FEN, Way
from citizencard.simulator.people import People
from citizencard.simulator.places import Places, by_lot
from citizencard.simulator.visits import Visits
from terminals.card.crypto import TransactionType

PLAIN: Final = int(TransactionType.PURCHASE)
COMPOUND: Final = int(TransactionType.CAPP_PURCHASE)


@dataclass(frozen=True, slots=True)
class Fares:
    """In fen: of a bus ride, and of a metro ride by the positions of entry and exit."""

    bus_fen: int
    metro_fen: Ints


@dataclass(frozen=True, slots=True)
class Taps:
    """One element a tap: who, where, when (true time, seconds since the first midnight), what kind and how much.

    `need` is what the card must hold before it: at an entry the fare of the ride begun. `start` is the station where a
    ride by metro was entered, at its exit; -1 otherwise. Card and SAM give `atc`, `seq` and `balance` (after the tap).
    """

    card: Ints
    device: Ints
    at: Ints
    kind: Ints
    amount: Ints
    need: Ints
    start: Ints
    fault: Ints
    atc: Ints
    seq: Ints
    balance: Ints

    def __len__(self) -> int:
        return len(self.card)

    def only(self, chosen: Ints) -> Self:
        """Those taps, in that order."""
        return type(self)(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})

    def followed_by(self, others: Self) -> Self:
        """These, and the others after them."""
        both = {item.name: (getattr(self, item.name), getattr(others, item.name)) for item in fields(self)}
        return type(self)(**{name: np.concatenate(parts) for name, parts in both.items()})


def make_taps(
    chance: Chance, visits: Visits, people: People, places: Places, fares: Fares, count: int
) -> Taps:
    """At most `count` taps in the order of cards and time, with the chips' counters; balances are still to come."""
    random = chance.stream("terminals")
    metro = np.isin(visits.way, BY_METRO)
    start, end = _ends(visits, people.home_station, people.far_station)
    first = _first_taps(random, visits, people, places, fares)
    first.device[metro] = by_lot(places.entries, start[metro], random.random(int(metro.sum())))
    first.amount[metro], first.kind[metro] = 0, COMPOUND
    first.need[metro] = fares.metro_fen[start, end][metro]
    rides = np.flatnonzero(metro)
    second = replace(
        first.only(rides),
        device=by_lot(places.exits, end[rides], random.random(len(rides))),
        at=(visits.at + visits.seconds)[rides],
        amount=first.need[rides],
        start=start[rides],
    )
    # One visit too many for the number of taps: a ride that is entered and not left.
    second = second.only(np.arange(min(len(second), count - len(first))))
    taps = first.followed_by(second)
    taps = taps.only(np.lexsort((taps.device, taps.at, taps.card)))
    return replace(taps, atc=ranks(taps.card))


def _first_taps(
    random: np.random.Generator, visits: Visits, people: People, places: Places, fares: Fares
) -> Taps:
    """A bus ride or a purchase for each visit; what is a ride by metro is changed by the caller."""
    count = len(visits.person)
    lot = random.random(count)
    line, _ = _ends(visits, people.home_line, people.far_line)
    device = by_lot(places.buses, line, lot)
    amount = np.full(count, fares.bus_fen, np.int64)
    for way, shops in places.shops.items():
        chosen, (low, below) = visits.way == way, PRICES_FEN[way]
        device[chosen] = by_lot(shops[None, :], np.zeros(int(chosen.sum()), np.int64), lot[chosen])
        amount[chosen] = random.integers(low // 10, -(-below // 10), int(chosen.sum())) * 10
    nothing = {name: np.zeros(count, np.int64) for name in ("fault", "atc", "seq", "balance")}
    kind, start = np.full(count, PLAIN, np.int64), np.full(count, -1, np.int64)
    return Taps(
        card=visits.person, device=device, at=visits.at, kind=kind, amount=amount, need=amount.copy(), start=start,
        **nothing,
    )  # fmt: skip


def _ends(visits: Visits, home: Ints, far: Ints) -> tuple[Ints, Ints]:
    """Where each way begins and ends."""
    homeward = np.isin(visits.way, (Way.BUS_HOME, Way.METRO_HOME))
    near, away = home[visits.person], far[visits.person]
    return np.where(homeward, away, near), np.where(homeward, near, away)
