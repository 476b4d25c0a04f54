"""Tariffs as the centre publishes them, and the fare they give. Amounts in fen.

Rules are JSON: flat `{"fare_fen"}`; pair `{"stations": {code: name}, "fares": {"A-B": fen}, "max_fen"}`; time
`{"free_minutes", "step_minutes", "step_fen", "cap_fen"}` with a cap per begun 24 hours; entered `{"max_fen"}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from terminals.card.errors import CardError

MAX_FARE_FEN: Final = 10_000_000
_STATION: Final = re.compile(r"[0-9]{1,6}")
_DAY: Final = timedelta(days=1)


class FareError(CardError):
    """A tariff's rule is wrong, or it has no fare for what was asked."""


@dataclass(frozen=True, slots=True)
class FlatFare:
    """One price for every ride."""

    fare_fen: int


@dataclass(frozen=True, slots=True)
class PairFare:
    """A price for each pair of stations, either way; `max_fen` where the entry is unknown."""

    stations: Mapping[str, str]
    fares: Mapping[frozenset[str], int]
    max_fen: int

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


@dataclass(frozen=True, slots=True)
class TimeFare:
    """A price for each begun step of time."""

    free_minutes: int
    step_minutes: int
    step_fen: int
    cap_fen: int

    def fare_fen(self, entry: datetime, leaving: datetime) -> int:
        """The price of a stay; nothing within the free minutes, at most the cap for each begun 24 hours."""
        stay = leaving - entry
        if stay < timedelta(0):
            raise FareError("the exit lies before the entry")
        if stay <= timedelta(minutes=self.free_minutes):
            return 0
        days, rest = divmod(stay, _DAY)
        steps = -(-rest // timedelta(minutes=self.step_minutes))
        return days * self.cap_fen + min(steps * self.step_fen, self.cap_fen)


@dataclass(frozen=True, slots=True)
class EnteredAmount:
    """The cashier enters the amount."""

    max_fen: int

    def check(self, amount_fen: int) -> int:
        """The amount itself; FareError when it is not between 1 fen and the limit."""
        if not 0 < amount_fen <= self.max_fen:
            raise FareError(f"an amount is from 1 to {self.max_fen} fen")
        return amount_fen


TariffRule = FlatFare | PairFare | TimeFare | EnteredAmount


def parse_tariff(kind: str, rule: Mapping[str, Any]) -> TariffRule:
    """The tariff of a kind (`flat`, `pair`, `time`, `entered`); FareError says what is wrong with the rule."""
    try:
        return _PARSERS[kind](rule)
    except KeyError as error:
        raise FareError(f"{kind}: {error.args[0]} is missing or unknown") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise FareError(f"{kind}: {error}") from error


def _fen(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_FARE_FEN:
        raise ValueError(f"{value!r} is not an amount in fen")
    return value


def _minutes(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value <= 1440:
        raise ValueError(f"{value!r} is not a number of minutes")
    return value


def _pair(rule: Mapping[str, Any]) -> PairFare:
    stations = {code: str(name) for code, name in rule["stations"].items()}
    if not all(_STATION.fullmatch(code) for code in stations):
        raise ValueError("a station code has 1 to 6 digits")
    fares = {frozenset(pair.split("-")): _fen(fare) for pair, fare in rule["fares"].items()}
    if unknown := frozenset().union(*fares) - stations.keys():
        raise ValueError(f"no station {min(unknown)}")
    return PairFare(stations, fares, _fen(rule["max_fen"]))


def _time(rule: Mapping[str, Any]) -> TimeFare:
    free, step = _minutes(rule["free_minutes"], 0), _minutes(rule["step_minutes"], 1)
    return TimeFare(free, step, _fen(rule["step_fen"]), _fen(rule["cap_fen"]))


def _flat(rule: Mapping[str, Any]) -> FlatFare:
    return FlatFare(_fen(rule["fare_fen"]))


def _entered(rule: Mapping[str, Any]) -> EnteredAmount:
    return EnteredAmount(_fen(rule["max_fen"]))


_PARSERS: Final[dict[str, Callable[[Mapping[str, Any]], TariffRule]]] = {
    "flat": _flat,
    "pair": _pair,
    "time": _time,
    "entered": _entered,
}
