"""What the marks on a chip mean in this city: the kind of a card, and the line a trip record names.

Readers disagree about the kinds (EF17), and the four bytes of a line are each city's own, so none of it is built in: the
centre's parameters say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from terminals.card.codes import INDUSTRIES
from terminals.card.files import TripRecord
from terminals.fares.fields import Fields

LINE_DIGITS: Final = 8
NO_LINE: Final = "0" * LINE_DIGITS
STOP_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Marks:
    """`{"categories": {kind: category}, "real_name": [kinds], "lines": {digits: {"line", "tariff"}}, "industries": {name: tariff},
    "stops": {digits: stop}}`.

    Each may be missing. `categories` are those concessions name; `real_name` are the kinds sold to a person by name only.
    A trip's tariff is its line's, else its industry's; a trip of neither is nobody's business here. `stops` are needed only where a
    tariff's stops are no digits, which is all a card has room for.
    """

    categories: Mapping[int, str] = field(default_factory=dict)
    real_name: frozenset[int] = frozenset()
    lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    industries: Mapping[int, str] = field(default_factory=dict)
    stops: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """Raises DocumentError."""
        marks = cls(
            _categories(fields.object("categories")) if fields.has("categories") else {},
            _kinds(fields) if fields.has("real_name") else frozenset(),
            _lines(fields.object("lines")) if fields.has("lines") else {},
            _industries(fields.object("industries")) if fields.has("industries") else {},
            _stops(fields.object("stops")) if fields.has("stops") else {},
        )
        fields.done()
        return marks

    def with_line(self, digits: str, line: str, tariff: str) -> Self:
        """Knowing also the line a terminal itself serves."""
        if not line or digits in self.lines:
            return self
        return replace(self, lines={**self.lines, digits: (line, tariff)})

    def ridden(self, trip: TripRecord) -> tuple[str, str] | None:
        """Tariff and line of a trip; None when it is of no tariff known."""
        if trip.line in self.lines:
            line, tariff = self.lines[trip.line]
            return tariff, line
        tariff = self.industries.get(trip.industry, "")
        return (tariff, "") if tariff else None


NO_MARKS: Final = Marks()


def _categories(fields: Fields) -> dict[int, str]:
    return {_kind(fields, kind): fields.code(kind) for kind in fields}


def _kinds(fields: Fields) -> frozenset[int]:
    listed = fields.raw("real_name")
    if not isinstance(listed, list) or any(type(kind) is not int or not 0 <= kind <= 255 for kind in listed):
        raise fields.wrong("real_name", "is not a list of card kinds, 0 to 255")
    return frozenset(listed)


def _kind(fields: Fields, text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text) > 255:
        raise fields.wrong(text, "a card kind is a number from 0 to 255")
    return int(text)


def _lines(fields: Fields) -> dict[str, tuple[str, str]]:
    lines = {}
    for number in fields:
        _check_digits(fields, number, LINE_DIGITS)
        told = fields.object(number)
        lines[number] = told.code("line"), told.code("tariff")
        told.done()
    return lines


def _stops(fields: Fields) -> dict[str, str]:
    for number in fields:
        _check_digits(fields, number, STOP_DIGITS)
    stops = {number: fields.code(number) for number in fields}
    if len(set(stops.values())) < len(stops):
        raise fields.wrong("", "two numbers stand for one stop")
    return stops


def _check_digits(fields: Fields, number: str, count: int) -> None:
    if len(number) != count or not number.isdecimal() or not number.isascii():
        raise fields.wrong(number, f"stands on a card as {count} digits")


def _industries(fields: Fields) -> dict[int, str]:
    numbers = {name: number for number, name in INDUSTRIES.items()}
    tariffs = {}
    for name in fields:
        if name not in numbers:
            raise fields.wrong(name, f"is none of {', '.join(numbers)}")
        tariffs[numbers[name]] = fields.code(name)
    return tariffs
