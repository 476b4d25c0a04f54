"""Fares of a journey between two stops: by pair, by distance between pairs, and by sections of a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from terminals.fares.errors import FareError
from terminals.fares.fields import Fields
from terminals.fares.kinds import Price
from terminals.fares.rides import Ride

_STATION: Final = re.compile(r"[0-9]{1,6}")
SECTIONS: Final = 99
"""The most sections a line is divided into."""


@dataclass(frozen=True, slots=True)
class PairFare:
    """A price for each pair of stations, either way; `max_fen` where the entry is unknown.

    `{"stations": {code: name}, "fares": {"A-B": fen}, "max_fen"}`, or instead of the fares `"distances_m": {"A-B": metres}`
    with `"steps": [{"to_m", "fare_fen"}, …]`, the price of a distance being that of the first step reaching so far.
    """

    stations: Mapping[str, str]
    fares: Mapping[frozenset[str], int]
    max_fen: int

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError."""
        named = rule.object("stations")
        stations = {code: named.text(code) for code in named}
        if wrong := [code for code in stations if not _STATION.fullmatch(code)]:
            raise named.wrong(wrong[0], "a station code has 1 to 6 digits")
        if rule.has("distances_m"):
            fares = _by_distance(rule, stations)
        else:
            listed = rule.object("fares")
            fares = {_pair(listed, key, stations): listed.fen(key) for key in listed}
        return cls(stations, fares, rule.fen("max_fen"))

    def fare_fen(self, entry: str, leaving: str) -> int:
        """The fare between two stations; FareError names a pair without one."""
        pair = frozenset((entry, leaving))
        if pair not in self.fares:
            raise FareError(f"no fare from station {entry} to station {leaving}")
        return self.fares[pair]

    def code_of(self, written: bytes) -> str:
        """The code of a station as a trip record holds it (packed digits); FareError when it is none of this tariff."""
        number = written.hex().lstrip("0")
        code = next((code for code in self.stations if code.lstrip("0") == number), None)
        if code is None:
            raise FareError(f"no station {written.hex()}")
        return code

    def name(self, station: str) -> str:
        """The station's name; FareError when the tariff does not know it."""
        if station not in self.stations:
            raise FareError(f"no station {station}")
        return self.stations[station]

    def price(self, ride: Ride) -> Price:
        """The fare of the pair. Raises FareError when a stop is missing: an incomplete trip's rule prices that."""
        values = {"entry": self.name(ride.entry), "leaving": self.name(ride.leaving)}
        return "pair", self.fare_fen(ride.entry, ride.leaving), values


@dataclass(frozen=True, slots=True)
class SectionFare:
    """A price for the number of sections (zones) a ride touches: `{"sections": {stop: number}, "fares_fen": […]}`.

    The first price is for a ride within one section, the next for two; beyond the list the last one holds.
    """

    sections: Mapping[str, int]
    fares_fen: tuple[int, ...]

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError; prices never fall with distance."""
        placed = rule.object("sections")
        sections = {stop: placed.whole(stop, 1, SECTIONS) for stop in placed}
        if not sections:
            raise rule.wrong("sections", "names no stop")
        prices = rule.raw("fares_fen")
        if not isinstance(prices, list) or not 0 < len(prices) <= SECTIONS:
            raise rule.wrong("fares_fen", "is not a list of prices")
        each = Fields({str(place): price for place, price in enumerate(prices)}, rule.at("fares_fen"))
        fares = tuple(each.fen(str(place)) for place in range(len(prices)))
        if list(fares) != sorted(fares):
            raise rule.wrong("fares_fen", "a longer ride must not cost less")
        return cls(sections, fares)

    @property
    def max_fen(self) -> int:
        """The price of the longest ride."""
        return self.fares_fen[
            min(max(self.sections.values()) - min(self.sections.values()) + 1, len(self.fares_fen)) - 1
        ]

    def fare_fen(self, entry: str, leaving: str) -> int:
        """The fare between two stops; FareError names one that has no section."""
        return self.fares_fen[min(self._touched(entry, leaving), len(self.fares_fen)) - 1]

    def price(self, ride: Ride) -> Price:
        """The fare of the ride. Raises FareError when a stop is missing or unknown."""
        count = self._touched(ride.entry, ride.leaving)
        values = {"entry": ride.entry, "leaving": ride.leaving, "sections": count}
        return "section", self.fare_fen(ride.entry, ride.leaving), values

    def _touched(self, entry: str, leaving: str) -> int:
        if unknown := [stop for stop in (entry, leaving) if stop not in self.sections]:
            raise FareError(f"no stop {unknown[0]}")
        return abs(self.sections[entry] - self.sections[leaving]) + 1


def _pair(listed: Fields, key: str, stations: Mapping[str, str]) -> frozenset[str]:
    ends = key.split("-")
    if len(ends) != 2:
        raise listed.wrong(key, "is not a pair A-B")
    if unknown := sorted(set(ends) - stations.keys()):
        raise listed.wrong(key, f"no station {unknown[0]}")
    return frozenset(ends)


def _by_distance(rule: Fields, stations: Mapping[str, str]) -> dict[frozenset[str], int]:
    reaches = []
    for step in rule.objects("steps"):
        reaches.append((step.metres("to_m"), step.fen("fare_fen")))
        step.done()
    if reaches != sorted(set(reaches)) or [fare for _, fare in reaches] != sorted(
        fare for _, fare in reaches
    ):
        raise rule.wrong("steps", "each must reach farther than the one before and not cost less")
    listed = rule.object("distances_m")
    fares = {}
    for key in listed:
        metres = listed.metres(key)
        fare = next((fare for reach, fare in reaches if metres <= reach), None)
        if fare is None:
            raise listed.wrong(key, f"no step reaches {metres} m")
        fares[_pair(listed, key, stations)] = fare
    return fares
