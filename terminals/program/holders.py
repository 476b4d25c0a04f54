"""What the holder of a card is entitled to, as far as a terminal can know: by the card's kind, and by passes it was told of.

The chip holds no pass. A pass is in the centre's signed list as it last came: one sold since then is not known here, one given
back since then still counts. Of a pass over a number of rides the list says how many were left; what was ridden here today
without paying is taken off, and the centre's next list knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from terminals.card.apdu import ApduError
from terminals.fares.fields import Fields
from terminals.fares.holder import Entitlement, Holder
from terminals.program.marks import Marks
from terminals.program.purchase import Card

RIDES_MAX: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class HeldPass:
    """A pass by its product's code, both days included; `rides_left` is None where time alone ends it."""

    entitlement: Entitlement
    rides_left: int | None = None


@dataclass(frozen=True, slots=True)
class Passes:
    """`{product: {card number: [[first day, last day, rides left or null], …]}}`: who holds what, by card.

    `ridden` are the rides of the card at hand that the list does not know of.
    """

    by_card: Mapping[str, tuple[HeldPass, ...]] = field(default_factory=dict)
    ridden: int = 0

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """Raises DocumentError."""
        by_card: dict[str, tuple[HeldPass, ...]] = {}
        for product in fields:
            cards = fields.object(product)
            for number in cards:
                by_card[number] = (*by_card.get(number, ()), *_held(product, cards, number))
        return cls(by_card)

    def of(self, card_no: str) -> tuple[Entitlement, ...]:
        """What a card is good for now."""
        return tuple(
            held.entitlement
            for held in self.by_card.get(card_no, ())
            if held.rides_left is None or held.rides_left > self.ridden
        )


NO_PASSES: Final = Passes()


def card_kind(card: Card) -> int | None:
    """The kind in EF17; None where the card has no such file."""
    try:
        return card.purse.management_info().card_kind
    except ApduError:
        return None


def holder_of(card: Card, kind: int | None, marks: Marks, passes: tuple[Entitlement, ...]) -> Holder:
    """Who pays. What the kind says holds as long as the card does; a birth date stands on no chip that may be read."""
    category = marks.categories.get(kind) if kind is not None else None
    own = (Entitlement(category, card.info.start, card.info.expiry),) if category else ()
    return Holder(entitlements=own + passes)


def _held(product: str, cards: Fields, number: str) -> list[HeldPass]:
    listed = cards.raw(number)
    if not isinstance(listed, list):
        raise cards.wrong(number, "is no list of passes")
    return [_one(product, cards, number, entry) for entry in listed]


def _one(product: str, cards: Fields, number: str, entry: object) -> HeldPass:
    names = ("from", "until", "left")
    told = Fields(dict(zip(names, entry, strict=False)) if isinstance(entry, list) else None, number)
    first, last = told.date("from"), told.date("until")
    if last < first:
        raise cards.wrong(number, "ends before it begins")
    left = None if told.raw("left") is None else told.whole("left", 0, RIDES_MAX, "number of rides")
    return HeldPass(Entitlement(product, first, last), left)
