"""Stops as a tariff names them, as a display shows them, and as three bytes of digits in a trip record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from terminals.card.files import TripRecord
from terminals.fares.errors import FareError
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.tariffs import TariffRule
from terminals.program.marks import STOP_DIGITS, Marks

NOWHERE: Final = "0"
"""The stop of a car park, and of everything else that has one gate."""


def stop_bytes(stop: str, marks: Marks) -> bytes:
    """For the trip record; FareError for a stop that is neither digits nor has a number on cards."""
    number = next((number for number, named in marks.stops.items() if named == stop), stop)
    if not (number.isascii() and number.isdecimal() and len(number) <= STOP_DIGITS):
        raise FareError(f"stop {stop} has no number on cards")
    return bytes.fromhex(number.zfill(STOP_DIGITS))


def stop_on_card(rule: TariffRule, trip: TripRecord, marks: Marks) -> str:
    """The tariff's code of the stop in a trip record; empty when the tariff knows none like it."""
    number = trip.station.hex()
    named = marks.stops.get(number, number).lstrip("0")
    return next((stop for stop in _stops(rule) if stop.lstrip("0") == named), "")


def stop_name(rule: TariffRule, stop: str) -> str:
    """For people. Raises FareError for a stop the tariff does not know."""
    if isinstance(rule, PairFare):
        return rule.name(stop)
    if isinstance(rule, SectionFare) and stop not in rule.sections:
        raise FareError(f"no stop {stop}")
    return stop


def _stops(rule: TariffRule) -> Iterable[str]:
    if isinstance(rule, PairFare):
        return rule.stations
    return rule.sections if isinstance(rule, SectionFare) else (NOWHERE,)
