"""What the holder of a card is entitled to, as far as a terminal can know: by the card's kind, and by passes it was told of.

The chip holds no pass. A pass is shown by the card's kind, where the city issues a kind of its own for it, or by the list in
the centre's parameters as it last came: a pass sold since then is not known here, one given back since then still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Self

from terminals.card.apdu import ApduError
from terminals.fares.fields import Fields
from terminals.fares.holder import Entitlement, Holder
from terminals.program.marks import Marks
from terminals.program.purchase import Card


@dataclass(frozen=True, slots=True)
class Passes:
    """`{category: {card number: [first day, last day]}}`: who holds what, by card."""

    by_card: Mapping[str, tuple[Entitlement, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """Raises DocumentError."""
        by_card: dict[str, tuple[Entitlement, ...]] = {}
        for category in fields:
            cards = fields.object(category)
            for number in cards:
                held = Entitlement(category, *_days(cards, number))
                by_card[number] = (*by_card.get(number, ()), held)
        return cls(by_card)


NO_PASSES: Final = Passes()


def card_kind(card: Card) -> int | None:
    """The kind in EF17; None where the card has no such file."""
    try:
        return card.purse.management_info().card_kind
    except ApduError:
        return None


def holder_of(card: Card, kind: int | None, marks: Marks, passes: Passes) -> Holder:
    """Who pays. What the kind says holds as long as the card does; a birth date stands on no chip that may be read."""
    category = marks.categories.get(kind) if kind is not None else None
    own = (Entitlement(category, card.info.start, card.info.expiry),) if category else ()
    return Holder(entitlements=own + passes.by_card.get(card.number, ()))


def _days(cards: Fields, number: str) -> tuple[date, date]:
    listed = cards.raw(number)
    days = Fields(
        dict(zip(("from", "until"), listed, strict=False)) if isinstance(listed, list) else None, number
    )
    first, last = days.date("from"), days.date("until")
    if last < first:
        raise cards.wrong(number, "ends before it begins")
    return first, last
