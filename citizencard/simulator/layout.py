"""The city as terminals see it: merchants, lines with their vehicles, stations with gates, shops; sized for its citizens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from typing import Final

from terminals.models import Channel

STATIONS: Final = ("0101", "0102", "0103", "0104")
"""Of the demo city's metro, in the order of the line."""
DRIFT_S: Final = 45
"""How far an ordinary terminal's clock is off, either way."""


@dataclass(frozen=True, slots=True)
class Party:
    """A merchant to be: `fee` in 1/10,000."""

    code: str
    name: str
    channel: Channel
    fee: int


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal to be. `line` numbers a bus line, `station` a metro station, `depot` who uploads it at night."""

    number: int
    party: int
    channel: Channel
    place: str
    tariff: str
    line: int = -1
    station: int = -1
    role: str = "both"
    depot: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """All merchants and terminals; both are numbered by their position."""

    parties: tuple[Party, ...]
    devices: tuple[Device, ...]
    lines: int

    def numbers(self, wanted: Callable[[Device], bool]) -> list[int]:
        """The terminals of a kind, by number."""
        return [item.number for item in self.devices if wanted(item)]


def lay_out(citizens: int) -> Layout:
    """The same city for the same number of citizens."""
    lines, vehicles = _between(isqrt(citizens) // 8, 2, 60), _between(citizens // 5_000, 2, 12)
    companies = _between(lines // 8, 1, 6)
    parties = [Party(f"bus{at}", f"公交{at + 1}公司", Channel.BUS, 30 + 5 * at) for at in range(companies)]
    devices: list[Device] = []
    for line in range(lines):
        for vehicle in range(vehicles):
            place, company = f"{line + 1}路 {vehicle + 1:02}号车", line % companies
            devices.append(
                Device(len(devices), company, Channel.BUS, place, "bus-flat", line, depot=company + 1)
            )
    parties.append(Party("metro", "轨道交通", Channel.METRO, 30))
    gates = _between(citizens // 10_000, 1, 8)
    for station, role in ((at, role) for at in range(len(STATIONS)) for role in ("entry", "exit")):
        for gate in range(gates):
            place = f"{STATIONS[station]}站 {gate + 1}号闸机"
            depot = companies + 1
            devices.append(
                Device(
                    len(devices),
                    len(parties) - 1,
                    Channel.METRO,
                    place,
                    "metro-pair",
                    -1,
                    station,
                    role,
                    depot,
                )
            )
    for channel, name, fee, shops in _shops(citizens):
        for shop in range(shops):
            parties.append(Party(f"{channel}{shop}", f"{name}{shop + 1}", channel, fee))
            devices.append(Device(len(devices), len(parties) - 1, channel, f"{name}{shop + 1}", "entered"))
    return Layout(tuple(parties), tuple(devices), lines)


def _shops(citizens: int) -> tuple[tuple[Channel, str, int, int], ...]:
    many, few = _between(citizens // 1_000, 2, 60), _between(citizens // 10_000, 1, 6)
    return (
        (Channel.SHOP, "便利店", 60, many),
        (Channel.HOSPITAL, "医院", 20, few),
        (Channel.PHARMACY, "药房", 50, few),
        (Channel.PARK, "公园", 40, few),
        (Channel.PARKING, "停车场", 60, few),
    )


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
