"""What a card's rides cost against what was kept of them: the new versions, and what each gives back. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from terminals.card.crypto import CHINA
from terminals.fares.book import Book
from terminals.fares.charge import INFERRED, Charge, Inputs, Share
from terminals.fares.documents import canonical_bytes
from terminals.fares.errors import FareError
from terminals.fares.holder import Holder
from terminals.fares.period import price_rides
from terminals.fares.periods import half_year, period_start, service_day
from terminals.fares.pricing import price_ride
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule
from terminals.services.pricing.rebuild import GUARD, OPEN, CardRide, Rebuilt, RuleOf, ride_id

_HOW_STEPS: Final = ("held", "inferred", "claimed")


class Kept(NamedTuple):
    """The newest version of a ride that is kept, and what all its versions have given back."""

    version: int
    due_fen: int
    given_fen: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a ride to be kept; `business_date` and counter are those of its tap."""

    business_date: date
    card_id: int
    atc: int
    version: int
    merchant_id: int
    tariff: str
    ride_at: datetime
    charged_fen: int
    full_fen: int
    due_fen: int
    given_fen: int
    how: str
    derivation: bytes
    digest: bytes
    shares: tuple[Share, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def is_let_through(self) -> bool:
        """Whether the chip paid nothing for a ride that has a fare: it is tapped as on a pass."""
        return self.version == 1 and self.charged_fen == 0 < self.full_fen and not self.how


def rule_reader(book: Book) -> RuleOf:
    """The rule of a tariff on a day, remembered: a chunk of cards asks for few of them, often."""
    known: dict[tuple[str, date], TariffRule | None] = {}

    def rule_of(tariff: str, day: date) -> TariffRule | None:
        key = tariff, day
        if key not in known:
            try:
                known[key] = book.tariff(tariff, day)[1]
            except FareError:
                known[key] = None
        return known[key]

    return rule_of


@dataclass(frozen=True, slots=True)
class Window:
    """From when on a card's rides may come out otherwise, and from when on they are needed to tell."""

    judged_from: datetime
    needed_from: datetime


def window_of(book: Book, earliest: datetime) -> Window:
    """What a tap of `earliest` can change: itself, what follows, and what it completes; and what their prices ask for.

    That is the longest period a cap counts, and the time of transfers before it.
    """
    day = earliest.astimezone(CHINA).date()
    infers = [rule[1].infer for tariff in _tariffs(book, day) if (rule := book.incomplete(tariff, day))]
    judged_from = earliest - max([OPEN, *infers])
    begins = [
        datetime.combine(period_start(cap.period, service_day(judged_from, cap.starts)), cap.starts, CHINA)
        for _document, cap in book.caps(day)
    ]
    changes = [rule.within for _document, rule in book.transfers(day)]
    return Window(judged_from, min([*begins, judged_from]) - max([OPEN, *changes]))


def judge_card(
    rebuilt: Rebuilt,
    kept: Mapping[int, Kept],
    book: Book,
    holder: Holder,
    healed: Counter[tuple[int, int]],
    judged_from: datetime,
) -> list[Version]:
    """The versions of a card's rides that differ from what is kept; of those before `judged_from` only what is not kept at all.

    `healed` counts, by half-year, inferred journeys given back before; those given back here are added.
    """
    priced = {ride.ride.id: ride for ride in rebuilt.rides if ride.double_of is None}
    charges = [
        charge
        for charge in _charges(priced, rebuilt, book, holder)
        if charge.ride.start >= judged_from or priced[charge.ride.id].tap.atc not in kept
    ]
    versions = [
        *(_of_charge(priced[charge.ride.id], charge, kept, book, healed) for charge in charges),
        *(_of_double(ride, kept) for ride in rebuilt.rides if ride.double_of is not None),
        *_of_merged(rebuilt, kept),
    ]
    return [version for version in versions if version is not None]


def _charges(
    priced: Mapping[str, CardRide], rebuilt: Rebuilt, book: Book, holder: Holder
) -> Sequence[Charge]:
    """All charges; where a ride has no fare, those of the others."""
    try:
        return price_rides([each.ride for each in priced.values()], book, holder)
    except FareError:
        return price_rides(_with_fares(priced.values(), book, rebuilt), book, holder)


def _with_fares(rides: Iterable[CardRide], book: Book, rebuilt: Rebuilt) -> Iterator[Ride]:
    for each in rides:
        try:
            price_ride(Inputs(each.ride), book)
        except FareError:
            rebuilt.faults.append((each.tap, "no fare"))
        else:
            yield each.ride


def _of_charge(
    ride: CardRide, charge: Charge, kept: Mapping[int, Kept], book: Book, healed: Counter[tuple[int, int]]
) -> Version | None:
    derivation = charge.canonical()
    before = kept.get(ride.tap.atc)
    how = charge.steps[0].message if charge.steps[0].message in _HOW_STEPS else ""
    due = charge.amount_fen
    given = _to_give(ride.charged_fen - due, before)
    if given and how == INFERRED:
        half = half_year(charge.ride.day)
        rule = book.incomplete(charge.ride.tariff, charge.ride.day)
        if rule is None or healed[half] >= rule[1].claims_per_half_year:
            how, given = "budget", 0
        else:
            healed[half] += 1
    return _version(ride, before, how, charge.full_fen, due, given, derivation, charge.shares, charge.chosen)


def _of_double(ride: CardRide, kept: Mapping[int, Kept]) -> Version | None:
    """A second tap within the guard is free."""
    first = ride_id(ride.tap.card_id, ride.double_of or 0)
    derivation = canonical_bytes({"double_of": first, "guard_s": int(GUARD.total_seconds())})
    before = kept.get(ride.tap.atc)
    return _version(ride, before, "double", 0, 0, _to_give(ride.charged_fen, before), derivation)


def _of_merged(rebuilt: Rebuilt, kept: Mapping[int, Kept]) -> Iterator[Version | None]:
    """An entry that was priced alone before its exit came costs nothing by itself any more."""
    for entry, exit_atc in rebuilt.merged.values():
        if before := kept.get(entry.atc):
            derivation = canonical_bytes({"merged_into": ride_id(entry.card_id, exit_atc)})
            ride = CardRide(
                Ride(ride_id(entry.card_id, entry.atc), entry.tariff, entry.occurred_at), entry, 0
            )
            yield _version(ride, before, "merged", 0, 0, 0, derivation)


def _to_give(too_much_fen: int, before: Kept | None) -> int:
    """What is still to be given back; what was given stays given, and nothing is ever taken."""
    return max(too_much_fen - (before.given_fen if before else 0), 0)


def _version(
    ride: CardRide,
    before: Kept | None,
    how: str,
    full_fen: int,
    due_fen: int,
    given_fen: int,
    derivation: bytes,
    shares: tuple[Share, ...] = (),
    rules: tuple[str, ...] = (),
) -> Version | None:
    """The next version; None where nothing is new."""
    digest = hashlib.sha256(derivation).digest()
    if before and before.digest == digest:
        return None
    tap = ride.tap
    return Version(
        tap.business_date,
        tap.card_id,
        tap.atc,
        before.version + 1 if before else 1,
        tap.merchant_id,
        tap.tariff,
        ride.ride.start,
        ride.charged_fen,
        full_fen,
        due_fen,
        given_fen,
        how,
        derivation,
        digest,
        shares,
        rules,
    )


def _tariffs(book: Book, day: date) -> list[str]:
    return [document.id for document in book.in_force("tariff", day)]
