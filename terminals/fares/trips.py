"""Journeys with one tap: what completes them, and which of the passenger's claims count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from terminals.fares.bodies import Incomplete
from terminals.fares.book import Book
from terminals.fares.charge import CLAIMED, INFERRED, Completion
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.periods import half_year
from terminals.fares.pricing import is_incomplete
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule


@dataclass(frozen=True, slots=True)
class Claim:
    """A passenger says where the missing tap would have been."""

    ride: str
    stop: str
    claimed_on: date


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim counts; if not, `reason`: `complete`, `no_rule`, `too_late`, `too_many`, `same_stop`, `unknown_stop`."""

    claim: Claim
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether the ride is priced by it."""
        return not self.reason


def judge_claims(claims: Iterable[Claim], rides: Iterable[Ride], book: Book) -> list[Verdict]:
    """Each claim in the order of its day. A claim for a ride not among `rides` was counted when it was made, and counts
    against the half-year; so give the claims of the whole half-year.
    """
    known = {ride.id: ride for ride in rides}
    made: Counter[tuple[int, int]] = Counter()
    stops: Counter[tuple[tuple[int, int], str]] = Counter()
    done: set[str] = set()
    verdicts = []
    for claim in sorted(set(claims), key=lambda item: (item.claimed_on, item.ride, item.stop)):
        half, ride = half_year(claim.claimed_on), known.get(claim.ride)
        reason = "complete" if claim.ride in done else ""
        if ride is not None and not reason:
            reason = _refusal(claim, ride, book, made[half], stops[half, claim.stop])
        if not reason:
            made[half] += 1
            stops[half, claim.stop] += 1
            done.add(claim.ride)
        verdicts.append(Verdict(claim, reason))
    return verdicts


def completions(rides: Sequence[Ride], claims: Iterable[Claim], book: Book) -> dict[str, Completion]:
    """What completes the incomplete rides of a card, by ride; a claim that counts goes before an inference."""
    found = {}
    for place, ride in enumerate(rides):
        rule = _rule(ride, book)
        if rule and (completion := _inferred(ride, rides[:place], rides[place + 1 :], rule)):
            found[ride.id] = completion
    for verdict in judge_claims(claims, rides, book):
        if verdict.counts:
            found[verdict.claim.ride] = Completion(verdict.claim.stop, CLAIMED)
    return found


def _refusal(claim: Claim, ride: Ride, book: Book, made: int, at_stop: int) -> str:
    rule = _rule(ride, book)
    _, tariff = book.tariff(ride.tariff, ride.day)
    if not is_incomplete(ride, tariff):
        return "complete"
    if rule is None:
        return "no_rule"
    if not 0 <= (claim.claimed_on - ride.day).days <= rule.claim_days:
        return "too_late"
    if made >= rule.claims_per_half_year:
        return "too_many"
    if at_stop >= rule.claims_per_stop:
        return "same_stop"
    return "" if claim.stop in _stops(tariff) else "unknown_stop"


def _stops(tariff: TariffRule) -> Iterable[str]:
    if isinstance(tariff, PairFare):
        return tariff.stations
    return tariff.sections if isinstance(tariff, SectionFare) else ()


def _rule(ride: Ride, book: Book) -> Incomplete | None:
    """The rule for an incomplete journey; None where the ride is whole, or there is no rule."""
    _, tariff = book.tariff(ride.tariff, ride.day)
    found = book.incomplete(ride.tariff, ride.day)
    journey = isinstance(tariff, PairFare | SectionFare)
    return found[1] if found and journey and is_incomplete(ride, tariff) else None


def _inferred(
    ride: Ride, before: Sequence[Ride], after: Sequence[Ride], rule: Incomplete
) -> Completion | None:
    """The stop where the card was seen next (or last), if it was soon enough and elsewhere."""
    near = reversed(before) if ride.leaving else after
    other = next((item for item in near if item.tariff == ride.tariff), None)
    if other is None:
        return None
    stop, gap = (
        (other.leaving, ride.start - other.last) if ride.leaving else (other.entry, other.start - ride.start)
    )
    if not stop or stop in (ride.entry, ride.leaving) or gap > rule.infer:
        return None
    return Completion(stop, INFERRED, other.id)
