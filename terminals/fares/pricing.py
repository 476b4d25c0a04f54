"""The price of one ride: full fare, the cheapest lawful discount, caps, and who pays for what was given away.

A concession and a transfer discount may meet only if each names the other; the concession is worked out first. Two
concessions, or two transfer discounts, never meet. A cap limits what is left, and counts what is charged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from terminals.fares.bodies import Cap, Concession, Transfer
from terminals.fares.book import Book
from terminals.fares.charge import Alternative, Charge, Inputs, Share
from terminals.fares.documents import Document
from terminals.fares.errors import FareError
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import Price, TimeFare
from terminals.fares.rides import Ride
from terminals.fares.split import split_fen
from terminals.fares.steps import Step
from terminals.fares.tariffs import TariffRule

Discount = tuple[Document, Concession | Transfer]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A lawful set of discounts and the steps they make."""

    discounts: tuple[Discount, ...]
    steps: tuple[Step, ...]
    amount_fen: int

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(document.id for document, _ in self.discounts)


def price_ride(inputs: Inputs, book: Book) -> Charge:
    """The charge for a ride. Raises FareError when no tariff holds or it has no fare for the ride."""
    ride = inputs.ride
    document, tariff = book.tariff(ride.tariff, ride.day)
    first, used = _full_fare(inputs, book, document, tariff)
    offers = [_offer(first.amount_fen, discounts) for discounts in _lawful(inputs, book)]
    best = min(offers, key=lambda offer: (offer.amount_fen, len(offer.rules), offer.rules))
    cap_steps, caps = _capped(best.amount_fen, inputs, book)
    steps = (first, *best.steps, *cap_steps)
    shares, payers = _shares(steps[1:], ride, book)
    considered = [item for offer in offers for item, _ in offer.discounts]
    return Charge(
        inputs=inputs,
        full_fen=first.amount_fen,
        amount_fen=sum(step.amount_fen for step in steps),
        steps=steps,
        alternatives=tuple(Alternative(offer.rules, offer.amount_fen) for offer in offers),
        chosen=best.rules,
        shares=shares,
        documents=_each_once([document, *used, *considered, *caps, *payers]),
    )


def is_incomplete(ride: Ride, tariff: TariffRule) -> bool:
    """Whether a fare that needs two taps has only one."""
    if isinstance(tariff, PairFare | SectionFare):
        return not (ride.entry and ride.leaving)
    return isinstance(tariff, TimeFare) and ride.end is None


def _full_fare(
    inputs: Inputs, book: Book, document: Document, tariff: TariffRule
) -> tuple[Step, list[Document]]:
    """The first step, and the rule that completed or held an incomplete ride."""
    ride, completion = inputs.ride, inputs.completion
    if not is_incomplete(ride, tariff):
        return _step(document, tariff.price(ride)), []
    if not isinstance(tariff, PairFare | SectionFare | TimeFare):
        raise FareError(f"ride {ride.id} has no fare")
    if not (ride.entry or ride.leaving or isinstance(tariff, TimeFare)):
        raise FareError(f"ride {ride.id} has no stop at all")
    rule = book.incomplete(ride.tariff, ride.day)
    used = [rule[0]] if rule else []
    if completion is None or isinstance(tariff, TimeFare):
        return Step(document.id, "held", tariff.max_fen), used
    whole = replace(ride, entry=ride.entry or completion.stop, leaving=ride.leaving or completion.stop)
    _, fare_fen, values = tariff.price(whole)
    return Step(document.id, completion.how, min(fare_fen, tariff.max_fen), values), used


def _step(document: Document, price: Price) -> Step:
    message, amount_fen, values = price
    return Step(document.id, message, amount_fen, values)


def _lawful(inputs: Inputs, book: Book) -> Iterable[tuple[Discount, ...]]:
    """Every set of discounts that may be used together, the empty one first."""
    ride, standing = inputs.ride, inputs.standing
    concessions = [
        (document, rule)
        for document, rule in book.concessions(ride.day)
        if rule.covers(ride, standing.age, standing.categories)
    ]
    transfers = [
        (document, rule)
        for document, rule in book.transfers(ride.day)
        if ride.tariff in rule.to_tariffs and _follows(inputs, document, rule)
    ]
    yield ()
    yield from ((item,) for item in concessions)
    yield from ((item,) for item in transfers)
    for concession in concessions:
        for transfer in transfers:
            if (
                transfer[0].id in concession[1].combines_with
                and concession[0].id in transfer[1].combines_with
            ):
                yield concession, transfer


def _follows(inputs: Inputs, document: Document, rule: Transfer) -> bool:
    """Whether the ride before was near enough in time, and on another line where it must be."""
    previous = inputs.previous.get(document.id)
    if previous is None or (previous.line == inputs.ride.line and not rule.same_line):
        return False
    return previous.at + rule.within >= inputs.ride.start


def _offer(full_fen: int, discounts: tuple[Discount, ...]) -> _Offer:
    left, steps = full_fen, []
    for document, rule in discounts:
        reduced = rule.reduced(left)
        values: dict[str, Any] = {"name": dict(document.name), "percent": rule.pay_percent}
        message = document.sort
        if isinstance(rule, Transfer):
            values["minutes"] = int(rule.within.total_seconds()) // 60
        steps.append(Step(document.id, message, reduced - left, values))
        left = reduced
    return _Offer(discounts, tuple(steps), left)


def _capped(amount_fen: int, inputs: Inputs, book: Book) -> tuple[list[Step], list[Document]]:
    """The step of the cap with the least room, if it takes anything off; and every cap that was asked."""
    caps = caps_of(inputs.ride, inputs.standing.categories, book)
    documents = [document for document, _ in caps]
    rooms = {
        document.id: max(cap.limit_fen - inputs.spent_fen.get(document.id, 0), 0) for document, cap in caps
    }
    if amount_fen <= min(rooms.values(), default=amount_fen):
        return [], documents
    document, cap = min(caps, key=lambda each: (rooms[each[0].id], each[0].id))
    room = rooms[document.id]
    values = {"name": dict(document.name), "limit_fen": cap.limit_fen}
    return [Step(document.id, "cap", room - amount_fen, values)], documents


def caps_of(ride: Ride, categories: Collection[str], book: Book) -> list[tuple[Document, Cap]]:
    """The caps a ride counts to."""
    return [(document, cap) for document, cap in book.caps(ride.day) if cap.covers(ride, categories)]


def _shares(steps: tuple[Step, ...], ride: Ride, book: Book) -> tuple[tuple[Share, ...], list[Document]]:
    """What each payer owes for what the rules took off."""
    shares, documents = [], []
    for step in steps:
        found = book.subsidy(step.rule, ride.day)
        if found is None or step.amount_fen == 0:
            continue
        document, rule = found
        documents.append(document)
        parts = split_fen(-step.amount_fen, [weight for _, weight in rule.payers])
        payers = [payer for payer, _ in rule.payers]
        shares += [Share(payer, step.rule, part) for payer, part in zip(payers, parts, strict=True) if part]
    return tuple(shares), documents


def _each_once(documents: Iterable[Document]) -> tuple[Document, ...]:
    return tuple({document.id: document for document in documents}.values())
