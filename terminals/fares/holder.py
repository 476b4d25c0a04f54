"""The holder's facts a fare may ask for, and what of them a derivation keeps: an age and categories, never a birth date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from terminals.fares.fields import Fields
from terminals.fares.periods import age


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A category somebody has proved, on both dates and between; no end where none was set."""

    category: str
    valid_from: date
    valid_until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it is valid on a day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a holder is on one day: whole years, None when unknown, and categories in order."""

    age: int | None = None
    categories: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in a derivation."""
        return {"age": self.age, "categories": list(self.categories)}

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The opposite. Raises DocumentError."""
        years = fields.whole("age", -1, 200) if fields.has("age") else None
        standing = cls(years, fields.codes("categories", empty=True))
        fields.done()
        return standing


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the card; an anonymous card's holder has neither birth nor entitlements."""

    birth: date | None = None
    entitlements: tuple[Entitlement, ...] = ()

    def on(self, day: date) -> Standing:
        """What holds on a day."""
        categories = sorted({item.category for item in self.entitlements if item.holds(day)})
        return Standing(age(self.birth, day) if self.birth else None, tuple(categories))


ANONYMOUS = Holder()
